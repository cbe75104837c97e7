import type { JSX } from 'preact';
import type { DeadLetterPreviewView } from '#shared/contract/api/requests.ts';
import type { DeadLetterSummaryView } from '#shared/contract/views.ts';
import { CallError } from '../data/call.ts';
import { asCallError } from '../data/session.ts';
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

/** Shows some of the letters that an action is for. How many match a filter is counted by the gateway. */
export function Letters({ chosen: { count, filter, sample } }: { readonly chosen: Chosen }): JSX.Element {
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
      {count > shown.length && (
        <li class="soft">
          and {filter === undefined ? counted(count - shown.length, 'more letter') : 'others'}
        </li>
      )}
    </ul>
  );
}

/** What an action on all letters that match would do, as the gateway counts it. */
export function MatchCount({ preview }: { readonly preview: DeadLetterPreviewView }): JSX.Element {
  const { count, more, byCode, byReplica, incomplete, checked } = preview;
  const list = (entries: readonly (readonly [string, number])[]): string =>
    entries.map(([name, number]) => `${number} ${name}`).join(', ');
  return (
    <>
      <p>
        <strong>
          {counted(count, 'letter')} {count === 1 ? 'matches' : 'match'}
        </strong>
        {more && '; more match, and all of them are processed, 1,000 at a time'}.
      </p>
      <p class="soft">
        {list(byCode.map((each) => [each.code, each.count]))}
        <br />
        {list(byReplica.map((each) => [each.replica, each.count]))}
      </p>
      {incomplete > 0 && (
        <p>
          {incomplete} of {checked} that were looked at lack a secret that was not kept. Without it they are
          refused, and stay.
        </p>
      )}
    </>
  );
}

/**
 * Fails an action that some letters are done with already.
 * @param number of letters that are done.
 * @param changed is called if there are any, so that the list is read again.
 * @throws {CallError} always.
 */
export function failAfter(number: number, error: unknown, changed: () => void): never {
  const { status, code, message } = asCallError(error);
  if (number === 0) throw new CallError(status, code, message);
  changed();
  throw new CallError(status, code, `${counted(number, 'letter')} done, then: ${message}`);
}
