import type { Sample } from '../sample.ts';
import type { Costs } from '../stage.ts';

/** One measurement of a curve. */
export interface CurvePoint {
  /** What is changed, e.g. `gateways`. */
  readonly curve: string;
  /** What it was changed to, e.g. `4`. */
  readonly value: string;
  readonly sample: Sample;
}

/** The cost of async requests behind a backlog. */
export interface BacklogPoint {
  readonly round: number;
  /** Bytes of each request's body. */
  readonly bodyBytes: number;
  /** How many requests waited when the measured ones were sent and the execution started. */
  readonly backlog: number;
  /** The cost of accepting one request, up to the 202. */
  readonly accepting: Costs;
  /** The cost of executing one request. Without a backlog it is part of `accepting`. */
  readonly executing?: Costs;
  /** Executed requests per second. */
  readonly drainRate?: number;
  /** Redis memory per waiting request, in bytes. */
  readonly memory?: number;
  readonly faults: readonly string[];
}

/** The cost of a request as the system grows. */
export interface Growth {
  /** When it was measured, in ISO 8601. */
  readonly date: string;
  readonly rounds: number;
  readonly points: readonly CurvePoint[];
  readonly backlog: readonly BacklogPoint[];
}
