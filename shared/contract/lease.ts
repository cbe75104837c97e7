/**
 * Where the holder of a lease is in its life: it does not take jobs yet, it takes them, it finishes what it holds and
 * goes; or it is the worker of another replica, which has adopted the queue.
 */
export type LeaseState = 'starting' | 'ready' | 'leaving' | 'adopted';

/** The worker that serves a replica's queue, as the replica's lease in Redis says. */
export interface Lease {
  /** The generation of the replica's own worker; 0 where another one has adopted the queue. */
  readonly generation: number;
  readonly state: LeaseState;
  /** The worker that has adopted the queue, as {@link adopterOf} writes it. */
  readonly adopter?: string;
  readonly pid: number;
  readonly host: string;
  /** When the worker started, in ms since the epoch. */
  readonly started: number;
}

/** @returns how an adopter is named in a lease: `S1#4`, generation 4 of replica S1. */
export function adopterOf(replica: string, generation: number): string {
  return `${replica}#${generation}`;
}
