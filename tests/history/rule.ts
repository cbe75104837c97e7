import type { TracedEvent } from '#shared/trace/protocol-event.ts';
import type { History, Step } from './history.ts';

/** What a rule found. */
export interface Finding {
  /** The request, or the replica if no request is concerned. */
  readonly of: string;
  /** One sentence. */
  readonly why: string;
  /**
   * When Redis had the write that would have prevented it, in us. If a fault of Redis may have lost that
   * write, the finding is excused: `docs/guarantees.md` names the case.
   */
  readonly dependsOn?: number;
}

/** A rule that each history has to meet. */
export interface Rule {
  /** What it says, for reports. */
  readonly text: string;
  /**
   * Looks at an event, which the history has by now.
   * @param step that the event is part of.
   */
  readonly look?: (event: TracedEvent, step: Step | undefined, history: History) => Iterable<Finding>;
  /** Looks at the whole history once the run has ended. */
  readonly end?: (history: History) => Iterable<Finding>;
}
