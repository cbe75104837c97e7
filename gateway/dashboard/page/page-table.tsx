import type { JSX } from 'preact';
import { Callbacks } from './pages/callbacks.tsx';
import { DeadLetter } from './pages/dead-letter.tsx';
import { DeadLetters } from './pages/dead-letters.tsx';
import { Gateways } from './pages/gateways.tsx';
import { Keys } from './pages/keys.tsx';
import { Nowhere } from './pages/outside.tsx';
import { Overview } from './pages/overview.tsx';
import { Replica } from './pages/replica.tsx';
import { Request } from './pages/request.tsx';
import { Requests } from './pages/requests.tsx';
import { Settings } from './pages/settings.tsx';

interface Page {
  /** In the title of the window. */
  readonly title: string;
  readonly page: JSX.Element;
}

/** @returns the page at this path. */
export function pageFor([first, second]: readonly string[]): Page {
  switch (first) {
    case undefined:
      return { title: 'Overview', page: <Overview /> };
    case 'replicas':
      if (second === undefined) break;
      return { title: `Replica ${second}`, page: <Replica name={second} /> };
    case 'requests':
      if (second === undefined) return { title: 'Requests', page: <Requests /> };
      return { title: `Request ${second}`, page: <Request id={second} /> };
    case 'keys':
      return { title: 'Keys', page: <Keys /> };
    case 'dead-letters':
      if (second === undefined) return { title: 'Dead letters', page: <DeadLetters /> };
      return { title: `Dead letter ${second}`, page: <DeadLetter id={second} /> };
    case 'callbacks':
      return { title: 'Callbacks', page: <Callbacks /> };
    case 'gateways':
      return { title: 'Gateways', page: <Gateways /> };
    case 'settings':
      return { title: 'Settings', page: <Settings /> };
    default:
  }
  return { title: 'Not found', page: <Nowhere /> };
}
