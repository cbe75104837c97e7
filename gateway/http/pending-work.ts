import type { Socket } from 'node:net';
import { pendingOn } from './connections.ts';
import type { Connection } from './connections.ts';

/** What a gateway that stops waits for. */
export interface PendingWork {
  /** The ids of the requests whose clients wait for an answer. */
  readonly requests: readonly string[];
  /** Calls of the gateway's own paths, such as `/add`. */
  readonly calls: number;
  /** Requests whose body has not arrived whole. */
  readonly uploads: number;
  /** Clients that have yet to read their answer, or what there is of it. */
  readonly readers: number;
}

const nothing: PendingWork = { requests: [], calls: 0, uploads: 0, readers: 0 };

/** Requests that are named. */
const maxNamed = 5;

/**
 * @param connections of all listeners.
 * @param requests the ids of the requests whose clients wait for an answer.
 */
export function pendingWork(
  connections: Iterable<[Socket, Connection]>,
  requests: readonly string[],
): PendingWork {
  const count = { calls: 0, uploads: 0, readers: 0 };
  for (const [socket, connection] of connections) {
    const pending = pendingOn(connection);
    if (pending === 'upload') count.uploads += 1;
    else if (pending === 'answer') count.readers += 1;
    else if (pending === 'stream' && socket.writableLength > 0) count.readers += 1;
    else if (pending === 'request' && connection.waits.size === 0) count.calls += 1;
  }
  return { requests, ...count };
}

/**
 * @param work undefined if there is no gateway.
 * @param running the ids of the requests that the workers of this process run, whether a client waits or not.
 * @returns what a stop waits for, in words; undefined if nothing is known of.
 */
export function describePendingWork(
  work: PendingWork = nothing,
  running: readonly string[] = [],
): string | undefined {
  const { requests, calls, uploads, readers } = work;
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
  const more = ids.length > maxNamed ? ' …' : '';
  return `${counted(ids.length, noun)} (${ids.slice(0, maxNamed).join(' ')}${more})`;
}
