import { createListener } from './listener.ts';
import type { Listener, ListenerOptions } from './listener.ts';
import { clientRouteOf, pathOf, routeOf } from './own-paths.ts';

/** The ports of a gateway. */
export interface Listeners {
  /** The listener of `PORT`. */
  readonly client: Listener;
  /** The listener with the admin side: that of `ADMIN_PORT`, or the same as for clients. */
  readonly admin: Listener;
  /** Each of them once. */
  readonly all: readonly Listener[];
}

/** @param separate whether the admin side has a listener of its own. */
export function createListeners(
  options: Omit<ListenerOptions, 'routeOf' | 'unread'>,
  separate: boolean,
): Listeners {
  if (!separate) {
    const both = createListener({ ...options, routeOf, unread: 'dispatch' });
    return { client: both, admin: both, all: [both] };
  }
  const client = createListener({ ...options, routeOf: clientRouteOf, unread: 'dispatch' });
  // It has a limit of connections of its own: a flood on the port of clients keeps no administrator out.
  const admin = createListener({ ...options, routeOf: pathOf, unread: 'admin' });
  return { client, admin, all: [client, admin] };
}
