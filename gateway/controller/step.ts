import type { SlowStart } from '#shared/ring/slow-start.ts';
import type { SleepTerms } from '#shared/store/lease/sleep-notes.ts';
import type { Restart } from '#shared/store/ring/hold-changes.ts';

/**
 * One thing to do. Each step carries its cause, for logs and for readers of a plan.
 *
 * - start: a worker for a replica that has none.
 * - standby: a second worker, which waits for the lease of the first.
 * - retire: end a worker after it has finished what it holds.
 * - kill: end a worker at once.
 * - sleep: note that an idle replica sleeps, and end its worker.
 * - admit, evict: add a replica to the ring, or remove it.
 * - share: give a replica in the ring more of its weight.
 * - offer, withdraw: let live workers adopt a queue, or stop that.
 * - forget: delete what is left of a removed replica.
 * - replace: a dead replica by a new one, which inherits its queue.
 * - disinherit: a queue whose heir is gone.
 * - restarted: note that a worker was replaced as an operator asked.
 * - resume: let the jobs of a paused queue start again.
 */
export type Step =
  | { readonly do: 'start'; readonly name: string; readonly cause: string }
  | { readonly do: 'standby'; readonly name: string; readonly cause: string }
  | { readonly do: 'retire'; readonly name: string; readonly generation: number; readonly cause: string }
  | { readonly do: 'kill'; readonly name: string; readonly generation: number; readonly cause: string }
  | { readonly do: 'sleep'; readonly name: string; readonly terms: SleepTerms; readonly cause: string }
  | {
      readonly do: 'admit';
      readonly name: string;
      readonly generation: number;
      /** How much of its weight it has; unset: all of it. */
      readonly slowStart?: SlowStart;
      readonly cause: string;
    }
  | {
      readonly do: 'share';
      readonly name: string;
      /** Undefined: it has all of its weight. */
      readonly slowStart: SlowStart | undefined;
      readonly cause: string;
    }
  | { readonly do: 'evict'; readonly name: string; readonly cause: string }
  | { readonly do: 'offer'; readonly name: string; readonly cause: string }
  | { readonly do: 'withdraw'; readonly name: string; readonly cause: string }
  | { readonly do: 'forget'; readonly name: string; readonly cause: string }
  | { readonly do: 'replace'; readonly name: string; readonly by: string; readonly cause: string }
  | { readonly do: 'disinherit'; readonly name: string; readonly cause: string }
  | { readonly do: 'restarted'; readonly name: string; readonly restart: Restart; readonly cause: string }
  | { readonly do: 'resume'; readonly name: string; readonly cause: string };

/**
 * @returns what a step does, without its cause, e.g. `start S2`. Two steps that do the same have the same
 * text.
 */
export function describeStep(step: Step): string {
  const more =
    'by' in step ? ` by ${step.by}` : step.do === 'share' ? ` ${step.slowStart?.tenths ?? 10}/10` : '';
  const generation = 'terms' in step ? step.terms.generation : 'generation' in step && step.generation;
  const which = generation === false ? `${step.name}${more}` : `${step.name}#${generation}`;
  return `${step.do} ${which}`;
}

/** @returns a step as one line, for logs and tests, e.g. `start S2: killed by SIGKILL`. */
export function renderStep(step: Step): string {
  return `${describeStep(step)}: ${step.cause}`;
}
