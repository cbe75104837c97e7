import type { Verdict } from './verdict.ts';
import type { Workshop } from './workshop.ts';

/** One line of the table: what a run under faults came to. */
export interface Row {
  readonly what: string;
  readonly verdict: Verdict;
  /** From the fault, or from its end where it lasts, to the first right answer of a later request; in ms. */
  readonly recoveryMs?: number | undefined;
  /** Whatever else is worth knowing, in a few words. */
  readonly note?: string;
}

export interface Outcome {
  readonly rows: readonly Row[];
  /** Expectations that were not met, each in one sentence. */
  readonly unmet: readonly string[];
}

/** Something that is done to a system under load, and what may come of it. */
export interface Scenario {
  readonly name: string;
  /** What is done and what is expected, for people; a sentence or two. */
  readonly description: string;
  /** @returns why it cannot run on this machine, or undefined. */
  readonly missing?: () => string | undefined;
  run(context: ScenarioContext): Promise<Outcome>;
}

export interface ScenarioContext {
  readonly workshop: Workshop;
  /** Where the run's logs go. */
  readonly folder: string;
  readonly seed: number;
  /** How long a soak lasts, in seconds. */
  readonly seconds: number;
}
