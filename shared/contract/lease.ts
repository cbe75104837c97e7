import { answerCountsOf } from './answer-counts.ts';
import type { AnswerCounts } from './answer-counts.ts';
import { isCount, isObject, parseObject } from './json-object.ts';

/**
 * What the holder of a lease does: it does not take jobs yet; it takes jobs; it finishes those that it holds
 * and leaves; or it is the worker of another replica and has adopted the queue.
 */
export type LeaseState = (typeof leaseStates)[number];
const leaseStates = ['starting', 'ready', 'leaving', 'adopted'] as const;

/** What the lease of a replica in Redis says about the worker that serves the replica's queue. */
export interface Lease {
  /** The generation of the replica's own worker; 0 if another worker has adopted the queue. */
  readonly generation: number;
  readonly state: LeaseState;
  /** The worker that has adopted the queue, as {@link adopterOf} writes it. */
  readonly adopter?: string;
  readonly pid: number;
  readonly host: string;
  /** When the worker started, in ms since the epoch in Redis time. */
  readonly started: number;
  /** How far the clock of its host is ahead of Redis's, in ms. Workers of earlier releases do not say it. */
  readonly clockAheadMs?: number;
  /**
   * It finds the record of a request by the id, also if another replica's queue had the job before. Workers
   * of earlier releases do not say it.
   */
  readonly findsRecords?: true;
  /** What the process says of itself. Workers of earlier releases do not say it. */
  readonly numbers?: ProcessNumbers;
  /** While it runs nothing. Workers of earlier releases do not say it. */
  readonly idle?: IdleTime;
  /** What the process has counted for outlier detection; left out while that is nothing. */
  readonly answers?: AnswerCounts;
}

/** How long a worker has run nothing, in any queue that it serves. */
export interface IdleTime {
  /** Since when, in ms since the epoch in Redis time. */
  readonly since: number;
  /** Whether it still remembers requests that must not run twice (ADR 0010). */
  readonly remembers: boolean;
}

/** What a worker's process says of itself with each heartbeat. */
export interface ProcessNumbers {
  readonly version: string;
  readonly rssBytes: number;
  /** Of the main thread. */
  readonly heapBytes: number;
  /** 99th percentile of the delay of the main thread's event loop since about a second before. */
  readonly eventLoopLagMs: number;
  /** How much of what it may run at once it runs. Workers of earlier releases do not say it. */
  readonly load?: WorkerLoad;
}

/** How much of what it may run at once a worker runs, for its own queue and for those that it has adopted. */
export interface WorkerLoad {
  /** Requests that it may run at once (`CONCURRENCY`). */
  readonly concurrency: number;
  /** From 0 to 1: of its slots for requests or of those for streams, whichever are fuller. */
  readonly utilisation: number;
}

/** The worker that serves a replica's queue, or wants to. */
export interface LeaseHolder {
  readonly replica: string;
  /** The generation of the replica's own worker; 0 for an adopter. */
  readonly generation: number;
  /** The adopter, as `adopterOf` names it; undefined for the replica's own worker. */
  readonly adopter: string | undefined;
}

/** The worker that held a lease before, as far as it matters for the jobs that it was running. */
export interface Predecessor {
  /** The last generation of the replica's own worker; 0 if there was none. */
  readonly generation: number;
  /** Whether ringpost or a shutdown ended it. If so, none of its requests can have killed it. */
  readonly expected: boolean;
}

/** What the taking of a lease gave. */
export interface TakenLease {
  /** Higher each time the lease is taken; writes with a lower one are refused. */
  readonly fence: number;
  readonly predecessor: Predecessor;
}

/** @returns how an adopter is named in a lease: `S1#4`, generation 4 of replica S1. */
export function adopterOf(replica: string, generation: number): string {
  return `${replica}#${generation}`;
}

/** @returns the lease of which a text is the JSON; undefined for any other text. */
export function parseLease(text: string): Lease | undefined {
  const lease = parseObject(text);
  if (lease === undefined) return undefined;
  const { generation, state, adopter, pid, host, started, clockAheadMs } = lease;
  const numbers = numbersOf(lease['numbers']);
  const idle = idleOf(lease['idle']);
  const answers = answerCountsOf(lease['answers']);
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
    ...(numbers === undefined ? {} : { numbers }),
    ...(idle === undefined ? {} : { idle }),
    ...(answers === undefined ? {} : { answers }),
  };
}

function idleOf(value: unknown): IdleTime | undefined {
  if (!isObject(value)) return undefined;
  const { since, remembers } = value;
  return isCount(since) && typeof remembers === 'boolean' ? { since, remembers } : undefined;
}

function numbersOf(value: unknown): ProcessNumbers | undefined {
  if (!isObject(value)) return undefined;
  const { version, rssBytes, heapBytes, eventLoopLagMs } = value;
  if (typeof version !== 'string' || typeof eventLoopLagMs !== 'number') return undefined;
  if (!isCount(rssBytes) || !isCount(heapBytes)) return undefined;
  const load = loadOf(value['load']);
  return { version, rssBytes, heapBytes, eventLoopLagMs, ...(load === undefined ? {} : { load }) };
}

function loadOf(value: unknown): WorkerLoad | undefined {
  if (!isObject(value)) return undefined;
  const { concurrency, utilisation } = value;
  const known = isCount(concurrency) && concurrency > 0 && typeof utilisation === 'number';
  return known && utilisation >= 0 && utilisation <= 1 ? { concurrency, utilisation } : undefined;
}
