import type { Verdict } from './verdict.ts';
import type { Workshop } from './workshop.ts';

/** One row of the report's table: the result of a run under faults. */
export interface Row {
  readonly what: string;
  readonly verdict: Verdict;
  /** From the fault, or from its end if it lasts, to the first right answer of a later request, in ms. */
  readonly recoveryMs?: number | undefined;
  /** Anything else worth knowing, in a few words. */
  readonly note?: string;
}

export interface Outcome {
  readonly rows: readonly Row[];
  /** Expectations that were not met, each in one sentence. */
  readonly unmet: readonly string[];
  /** Bounds on times that were not met, each in one sentence. A busy machine may be the cause. */
  readonly late?: readonly string[];
}

/** Faults that are injected into a system under load, and what is expected of it. */
export interface Scenario {
  readonly name: string;
  /** What is done and what is expected, for the report. */
  readonly description: string;
  /** @returns why the scenario cannot run on this machine; undefined if it can. */
  readonly missing?: (asked: Pick<ScenarioContext, 'before'>) => string | undefined;
  run(context: ScenarioContext): Promise<Outcome>;
}

export interface ScenarioContext {
  readonly workshop: Workshop;
  /** The folder for the run's logs. */
  readonly folder: string;
  readonly seed: number;
  /** How long a soak lasts, in seconds. */
  readonly seconds: number;
  /** Settings from the command line. */
  readonly settings: Readonly<Record<string, string>>;
  /** The folder of another checkout of ringpost to compare with; undefined: there is none. */
  readonly before: string | undefined;
}
