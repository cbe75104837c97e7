import { pendingOn } from './connections.ts';
import type { Connection } from './connections.ts';
import type { Socket } from 'node:net';

/** What a gateway that stops waits for. */
export interface Held {
  /** The ids of the requests whose answers are waited for. */
  readonly requests: readonly string[];
  /** Calls of the gateway's own paths, such as `/add`. */
  readonly calls: number;
  /** Requests whose body is not whole. */
  readonly uploads: number;
  /** Clients that have yet to take their answer. */
  readonly readers: number;
}

const nothing: Held = { requests: [], calls: 0, uploads: 0, readers: 0 };

/** Requests that are named. */
const mostNamed = 5;

/**
 * @param connections those of all listeners.
 * @param requests the ids of the requests whose answers are waited for.
 */
export function heldBy(connections: Iterable<[Socket, Connection]>, requests: readonly string[]): Held {
  const count = { calls: 0, uploads: 0, readers: 0 };
  for (const [, connection] of connections) {
    const pending = pendingOn(connection);
    if (pending === 'upload') count.uploads += 1;
    else if (pending === 'answer') count.readers += 1;
    else if (pending === 'request' && connection.waits.size === 0) count.calls += 1;
  }
  return { requests, ...count };
}

/**
 * @param held nothing if there is no gateway.
 * @param running the ids of the requests that the workers of this process run for nobody who waits.
 * @returns what is waited for, in words; undefined if it is nothing that is known of.
 */
export function describeHeld(held: Held = nothing, running: readonly string[] = []): string | undefined {
  const { requests, calls, uploads, readers } = held;
  const background = running.filter((id) => !requests.includes(id));
  const parts = [
    named(requests, 'request'),
    counted(calls, 'call'),
    counted(uploads, 'upload'),
    readers === 0 ? '' : `${counted(readers, 'client')} that read${readers === 1 ? 's' : ''} slowly`,
    background.length === 0 ? '' : `workers that run ${named(background, 'request')}`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? undefined : parts.join(', ');
}

function counted(count: number, noun: string): string {
  return count === 0 ? '' : `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function named(ids: readonly string[], noun: string): string {
  if (ids.length === 0) return '';
  const more = ids.length > mostNamed ? ' …' : '';
  return `${counted(ids.length, noun)} (${ids.slice(0, mostNamed).join(' ')}${more})`;
}
