import { render } from 'preact';
import { App } from './app.tsx';
import { loadSession } from './data/session.ts';
import { followStream } from './data/stream.ts';

const root = document.getElementById('app');
if (root !== null) {
  followStream();
  // index.html shows the frame until it is known who the person is, or that nobody answers.
  await loadSession();
  root.replaceChildren();
  render(<App />, root);
}
