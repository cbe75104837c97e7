import type { Growth } from './growth/growth.ts';
import type { RunPlan } from './run-plan.ts';
import type { Sample } from './sample.ts';

/** What the machine was. */
export interface Machine {
  readonly processors: number;
  readonly model: string;
  readonly memoryMb: number;
  readonly system: string;
  /** Versions of Node, of the servers and of the packages, by name. */
  readonly versions: Readonly<Record<string, string>>;
  /** Load average of a minute before the run. */
  readonly loadBefore: number;
}

/** Why a system, or a round of it, has no samples. */
export interface Missing {
  readonly system: string;
  readonly round?: number;
  readonly why: string;
}

/** What a system is, as far as the report says it. */
export interface SystemNote {
  readonly name: string;
  readonly title: string;
  readonly durable: boolean;
  readonly settings: string;
}

/** All that came of a run of the suite. */
export interface Results {
  /** When it began, in ISO 8601. */
  readonly date: string;
  readonly quick: boolean;
  readonly plan: RunPlan;
  readonly machine: Machine;
  readonly systems: readonly SystemNote[];
  readonly samples: readonly Sample[];
  readonly missing: readonly Missing[];
  readonly growth?: Growth;
}
