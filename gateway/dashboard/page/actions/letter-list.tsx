import type { JSX } from 'preact';
import type { DeadLetterSummaryView } from '#shared/contract/views.ts';
import { counted } from '../words/numbers.ts';

/** The dead letters that an action is for. */
export interface Chosen {
  readonly count: number;
  /** The letters, if they are named one by one. */
  readonly ids: readonly string[];
  /** The query that selects them, if all that match are meant. */
  readonly filter?: string;
  /** Some of them, to show. */
  readonly sample: readonly DeadLetterSummaryView[];
}

const maxShown = 5;

/** Shows some of the letters that an action is for. */
export function Letters({ chosen: { count, sample } }: { readonly chosen: Chosen }): JSX.Element {
  const shown = sample.slice(0, maxShown);
  return (
    <ul class="letters">
      {shown.map(({ id, method, target, code, replica }) => (
        <li key={id}>
          <span class="mono cut">
            {method} {target}
          </span>
          <span class="soft">
            {code} at {replica}
          </span>
        </li>
      ))}
      {count > shown.length && <li class="soft">and {counted(count - shown.length, 'more letter')}</li>}
    </ul>
  );
}
