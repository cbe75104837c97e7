import type { Sample } from '../sample.ts';
import type { Costs } from '../stage.ts';

/** A measurement on a curve. */
export interface CurvePoint {
  /** What is changed, e.g. `gateways`. */
  readonly curve: string;
  /** What it was changed to, e.g. `4`. */
  readonly value: string;
  readonly sample: Sample;
}

/** What requests cost that are handed over, with so many before them. */
export interface BacklogPoint {
  readonly round: number;
  /** Bytes of each request's body. */
  readonly bodyBytes: number;
  /** How many requests waited when these were handed over, and began to be executed. */
  readonly backlog: number;
  /** Of handing over one: until the 202. */
  readonly accepting: Costs;
  /** Of executing one that waits; where nothing waits, it is part of `accepting`. */
  readonly executing?: Costs;
  /** Executed in a second. */
  readonly drainRate?: number;
  /** Memory of Redis for each request that waits, in bytes. */
  readonly memory?: number;
  readonly faults: readonly string[];
}

/** What a request costs when the system grows. */
export interface Growth {
  readonly rounds: number;
  readonly points: readonly CurvePoint[];
  readonly backlog: readonly BacklogPoint[];
}
