import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { DeadLetterCountsView } from '#shared/contract/api/requests.ts';
import type { DeadLetterPageView, DeadLetterSummaryView } from '#shared/contract/views.ts';
import { goTo, hrefOf, route } from '../data/route.ts';
import { usePages } from '../data/pages.ts';
import { useResource } from '../data/resource.ts';
import type { Chosen } from '../actions/letter-list.tsx';
import { PageHead } from '../parts/card.tsx';
import { Choice, Field } from '../parts/field.tsx';
import { Empty } from '../parts/note.tsx';
import { Paged } from '../parts/paged.tsx';
import { LetterTable } from './letter-table.tsx';

const names = ['replica', 'code', 'since', 'until'] as const;
type Filter = Readonly<Record<(typeof names)[number], string>>;

const pageSize = 100;

/** Requests that failed for good: found, redriven and deleted. */
export function DeadLetters(): JSX.Element {
  const { query } = route.value;
  const filter = filterIn(query);
  const selection = parametersOf(filter).toString();
  const limited = `${selection}${selection === '' ? '' : '&'}limit=${pageSize}`;
  const pages = usePages<DeadLetterPageView, DeadLetterSummaryView>(
    `/-/dead-letters?${limited}`,
    ({ letters }) => letters,
  );
  const counts = useResource<DeadLetterCountsView>('/-/api/dead-letters');
  const reload = (): void => {
    pages.reload();
    counts.reload();
  };
  const rows = pages.rows ?? [];
  const isAll = selection === '';
  // The counts are those without a filter. With one, the question before the action counts what matches.
  const matching = isAll && pages.hasMore ? (counts.data?.count ?? rows.length) : rows.length;
  const all: Chosen = { count: matching, ids: [], filter: boundedBy(rows, filter), sample: rows };
  return (
    <>
      <PageHead
        title="Dead letters"
        lead="Requests with a record that ended failed or expired. They can run again."
      />
      <section class="card flush" aria-label="Dead letters">
        <Filters filter={filter} counts={counts.data} reload={reload} />
        <Paged
          pages={pages}
          empty={
            isAll ? (
              <Empty title="There are no dead letters.">
                Nothing with a record has failed for good lately.
              </Empty>
            ) : (
              <Empty title="No dead letter fits the filter.">
                <a href={hrefOf(['dead-letters'])}>Show all.</a>
              </Empty>
            )
          }
        >
          {(shown) => (
            <LetterTable key={selection} letters={shown} all={all} hasMore={pages.hasMore} reload={reload} />
          )}
        </Paged>
      </section>
    </>
  );
}

interface FilterProps {
  readonly filter: Filter;
  readonly counts: DeadLetterCountsView | undefined;
  readonly reload: () => void;
}

function Filters({ filter, counts, reload }: FilterProps): JSX.Element {
  const [wanted, setWanted] = useState(filter);
  useEffect(() => setWanted(filter), [JSON.stringify(filter)]);
  const show = (next: Filter): void => goTo(hrefOf(['dead-letters'], next), { replace: true });
  const choose =
    (name: keyof Filter) =>
    (value: string): void =>
      show({ ...wanted, [name]: value });
  const take =
    (name: keyof Filter) =>
    (value: string): void =>
      setWanted({ ...wanted, [name]: value });
  return (
    <form
      class="filters"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        show(wanted);
        reload();
      }}
    >
      <Choice
        label="Code"
        value={wanted.code}
        options={(counts?.byCode ?? []).map(({ code }) => code)}
        onValue={choose('code')}
      />
      <Choice
        label="Replica"
        value={wanted.replica}
        options={(counts?.byReplica ?? []).map(({ replica }) => replica)}
        onValue={choose('replica')}
      />
      <Field label="Since" type="datetime-local" value={wanted.since} onValue={take('since')} />
      <Field label="Until" type="datetime-local" value={wanted.until} onValue={take('until')} />
      <button type="submit" class="end">
        Filter
      </button>
    </form>
  );
}

function filterIn(query: URLSearchParams): Filter {
  const of = (name: string): string => query.get(name) ?? '';
  return { replica: of('replica'), code: of('code'), since: of('since'), until: of('until') };
}

/**
 * Selects what matches now. A request that fails again and again comes back as a new letter; without a bound,
 * an action in several rounds would never be done with it.
 * @param rows the latest first.
 */
function boundedBy([latest]: readonly DeadLetterSummaryView[], filter: Filter): string {
  const until = latest?.times.ended ?? filter.until;
  const parameters = parametersOf({ ...filter, until });
  return parameters.size === 0 ? 'all=true' : parameters.toString();
}

/** @returns the query of the API. The browser's fields give local times; the API takes those with a zone. */
function parametersOf(filter: Filter): URLSearchParams {
  const parameters = new URLSearchParams();
  for (const name of names) {
    const value = filter[name];
    const time = name === 'since' || name === 'until' ? new Date(value) : undefined;
    if (value === '' || Number.isNaN(time?.getTime() ?? 0)) continue;
    parameters.set(name, time?.toISOString() ?? value);
  }
  return parameters;
}
