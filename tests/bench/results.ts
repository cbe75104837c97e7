import type { Growth } from './growth/growth.ts';
import type { RunPlan } from './run-plan.ts';
import type { Sample } from './sample.ts';

/** The machine of a run. */
export interface Machine {
  readonly processors: number;
  readonly model: string;
  readonly memoryMb: number;
  readonly system: string;
  /** Versions of Node, of the servers and of the packages, by name. */
  readonly versions: Readonly<Record<string, string>>;
  /** Load average over one minute before the run. */
  readonly loadBefore: number;
}

/** Why a system, or a round of it, has no samples. */
export interface Missing {
  readonly system: string;
  readonly round?: number;
  readonly why: string;
}

/** What the report says about a system. */
export interface SystemNote {
  readonly name: string;
  readonly title: string;
  readonly durable: boolean;
  readonly settings: string;
}

/** All results of a run. */
export interface Results {
  /** When the run started, in ISO 8601. */
  readonly date: string;
  readonly quick: boolean;
  readonly plan: RunPlan;
  readonly machine: Machine;
  readonly systems: readonly SystemNote[];
  readonly samples: readonly Sample[];
  readonly missing: readonly Missing[];
  readonly growth?: Growth;
  /** If the samples come from several runs: when and how each was measured. */
  readonly runs?: readonly { readonly date: string; readonly plan: RunPlan }[];
}
