import type { Machine, Missing } from '../results.ts';
import type { LoadName, LoadPlan } from './plan.ts';
import type { SystemName } from './systems.ts';

/** What one load did to one system in one round. */
export interface Sample {
  readonly system: SystemName;
  readonly round: number;
  readonly load: LoadName;
  readonly serviceMs: number;
  readonly values: Values;
  /** Why the values mean little, in sentences. */
  readonly faults: readonly string[];
}

/** Times in ms, shares in %, processor time in µs for a request. */
export interface Values {
  readonly requests: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Requests without a right answer. */
  readonly failed: number;
  /** Answers of another server than the key's owner. */
  readonly elsewhere: number;
  /** Answers that say themselves that they were spilled. */
  readonly spilled: number;
  /** What the busiest owner is asked for, of its capacity. */
  readonly demand: number;
  /** How much later than intended the client sent, 99 % of the time. */
  readonly lag: number;
  readonly cpu: Readonly<Record<string, number>>;
}

/** All results of a run. */
export interface LoadResults {
  /** When the run started, in ISO 8601. */
  readonly date: string;
  readonly quick: boolean;
  readonly plan: LoadPlan;
  /** Settings of ringpost that were given on the command line. */
  readonly settings: Readonly<Record<string, string>>;
  readonly machine: Machine;
  readonly samples: readonly Sample[];
  readonly missing: readonly Missing[];
}
