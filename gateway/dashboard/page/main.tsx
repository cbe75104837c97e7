import { render } from 'preact';
import { App } from './app.tsx';
import { loadSession } from './data/session.ts';
import { followStream } from './data/stream.ts';

const root = document.getElementById('app');
if (root !== null) {
  render(<App />, root);
  void loadSession();
  followStream();
}
