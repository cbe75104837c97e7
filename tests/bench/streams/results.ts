import type { Machine, Missing } from '../results.ts';
import type { StreamPlan } from './plan.ts';
import type { Sample } from './sample.ts';

/** All results of a run. */
export interface StreamResults {
  /** When the run started, in ISO 8601. */
  readonly date: string;
  readonly quick: boolean;
  readonly plan: StreamPlan;
  readonly machine: Machine;
  readonly samples: readonly Sample[];
  readonly missing: readonly Missing[];
}
