import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { DeadLetterSummaryView } from '#shared/contract/views.ts';
import { hrefOf } from '../data/route.ts';
import { mayChange } from '../data/session-state.ts';
import { askDelete } from '../actions/delete-letters.tsx';
import type { Chosen } from '../actions/letter-list.tsx';
import { askRedrive } from '../actions/redrive.tsx';
import { Ago } from '../parts/ago.tsx';
import { LongTable } from '../parts/long-table.tsx';
import { StatusPill } from '../parts/pill.tsx';
import { ReplicaName } from '../parts/replica-name.tsx';
import { codeWords } from '../words/code-words.ts';
import { counted } from '../words/numbers.ts';

interface Props {
  readonly letters: readonly DeadLetterSummaryView[];
  /** All that match, whether they have been read or not. */
  readonly all: Chosen;
  readonly hasMore: boolean;
  readonly reload: () => void;
}

const columns = [
  { label: 'ended', class: 'c-ago' },
  { label: 'request', class: 'c-path' },
  { label: 'code', class: 'c-code mid' },
  { label: 'status', class: 'c-status' },
  { label: 'replica', class: 'c-replica mid' },
  { label: 'attempts', class: 'n c-ms wide' },
];

/** Dead letters, of which some or all that match can be chosen. */
export function LetterTable({ letters, all, hasMore, reload }: Props): JSX.Element {
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [isAll, setAll] = useState(false);
  const shown = letters.filter(({ id }) => picked.has(id));
  const chosen: Chosen = isAll ? all : { count: shown.length, ids: shown.map(({ id }) => id), sample: shown };
  /** How many letters match is not known: the list shows only some of them. */
  const isAllUncounted = hasMore && isAll && all.count === letters.length;
  const isChosen = (id: string): boolean => isAll || picked.has(id);
  const choose = (ids: readonly string[]): void => {
    setAll(false);
    setPicked(new Set(ids));
  };
  const toggle = (id: string): void => {
    const before = isAll ? letters.map((letter) => letter.id) : [...picked];
    choose(isChosen(id) ? before.filter((each) => each !== id) : [...before, id]);
  };
  const done = (): void => {
    choose([]);
    reload();
  };
  return (
    <>
      {mayChange.value && (
        <div class="selection" role="group" aria-label="Selection">
          <label class="check">
            <input
              type="checkbox"
              checked={isAll || (shown.length === letters.length && letters.length > 0)}
              onChange={({ currentTarget }) =>
                choose(currentTarget.checked ? letters.map(({ id }) => id) : [])
              }
            />
            <span aria-live="polite">
              {chosen.count === 0
                ? 'Select all shown'
                : `${isAllUncounted ? 'All that match' : counted(chosen.count, 'letter')} selected`}
            </span>
          </label>
          {hasMore && !isAll && shown.length === letters.length && (
            <button type="button" class="link" onClick={() => setAll(true)}>
              Select all that match
            </button>
          )}
          <div class="tools">
            <button type="button" disabled={chosen.count === 0} onClick={() => askRedrive(chosen, done)}>
              Redrive …
            </button>
            <button
              type="button"
              class="danger"
              disabled={chosen.count === 0}
              onClick={() => askDelete(chosen, done)}
            >
              Delete …
            </button>
          </div>
        </div>
      )}
      <LongTable
        caption="Dead letters, the latest first"
        columns={
          mayChange.value ? [{ label: 'chosen', class: 'c-check', isUnseen: true }, ...columns] : columns
        }
        rows={letters}
        keyOf={({ id }) => id}
        cells={(letter) => (
          <>
            {mayChange.value && (
              <td>
                <input
                  type="checkbox"
                  aria-label={`Select ${letter.method} ${letter.target}`}
                  checked={isChosen(letter.id)}
                  onChange={() => toggle(letter.id)}
                />
              </td>
            )}
            <Cells letter={letter} />
          </>
        )}
      />
    </>
  );
}

function Cells({ letter }: { readonly letter: DeadLetterSummaryView }): JSX.Element {
  const { id, method, target, code, status = null, replica, attempts, times } = letter;
  return (
    <>
      <td>
        <Ago at={times.ended === null ? null : Date.parse(times.ended)} />
      </td>
      <th scope="row" class="cut">
        {mayChange.value ? (
          <a class="mono" href={hrefOf(['dead-letters', id])} title={`${method} ${target}\n${id}`}>
            <b>{method}</b> {target}
          </a>
        ) : (
          <span class="mono" title={`${method} ${target}`}>
            <b>{method}</b> {target}
          </span>
        )}
      </th>
      <td class="mid cut" title={codeWords(code)?.cause}>
        <code>{code}</code>
      </td>
      <td>
        <StatusPill status={status} />
      </td>
      <td class="mid">
        <ReplicaName name={replica} />
      </td>
      <td class="n wide">{attempts}</td>
    </>
  );
}
