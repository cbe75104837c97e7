import { isCount, parseObject } from './json-object.ts';

/**
 * Where the holder of a lease is in its life: it does not take jobs yet, it takes them, it finishes what it holds and
 * goes; or it is the worker of another replica, which has adopted the queue.
 */
export type LeaseState = (typeof leaseStates)[number];
const leaseStates = ['starting', 'ready', 'leaving', 'adopted'] as const;

/** The worker that serves a replica's queue, as the replica's lease in Redis says. */
export interface Lease {
  /** The generation of the replica's own worker; 0 where another one has adopted the queue. */
  readonly generation: number;
  readonly state: LeaseState;
  /** The worker that has adopted the queue, as {@link adopterOf} writes it. */
  readonly adopter?: string;
  readonly pid: number;
  readonly host: string;
  /** When the worker started, in ms since the epoch by Redis's clock. */
  readonly started: number;
  /** How far the clock of its host is ahead of Redis's, in ms; a worker of an earlier release does not say it. */
  readonly clockAheadMs?: number;
}

/** @returns how an adopter is named in a lease: `S1#4`, generation 4 of replica S1. */
export function adopterOf(replica: string, generation: number): string {
  return `${replica}#${generation}`;
}

/** @returns the lease that a text is as JSON; undefined for any other text. */
export function parseLease(text: string): Lease | undefined {
  const lease = parseObject(text);
  if (lease === undefined) return undefined;
  const { generation, state, adopter, pid, host, started, clockAheadMs } = lease;
  if (!isCount(generation) || !isCount(pid) || !isCount(started) || typeof host !== 'string')
    return undefined;
  const known = leaseStates.find((each) => each === state);
  if (known === undefined || (adopter !== undefined && typeof adopter !== 'string')) return undefined;
  return {
    generation,
    state: known,
    ...(adopter === undefined ? {} : { adopter }),
    pid,
    host,
    started,
    ...(typeof clockAheadMs === 'number' ? { clockAheadMs } : {}),
  };
}
