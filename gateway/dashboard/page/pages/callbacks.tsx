import type { JSX } from 'preact';
import type { CallbackPageView, ListedCallbackView } from '#shared/contract/api/requests.ts';
import { goTo, hrefOf, route } from '../data/route.ts';
import { usePages } from '../data/pages.ts';
import { Ago } from '../parts/ago.tsx';
import { PageHead } from '../parts/card.tsx';
import { LongTable } from '../parts/long-table.tsx';
import { Empty } from '../parts/note.tsx';
import { Paged } from '../parts/paged.tsx';
import { StatePill } from '../parts/pill.tsx';
import { RequestLink } from '../parts/request-link.tsx';
import { count } from '../words/numbers.ts';

const states = ['retrying', 'pending', 'failed', 'gone', 'blocked', 'delivered'] as const;

const columns = [
  { label: 'request', class: 'c-id' },
  { label: 'receiver', class: 'c-path mid' },
  { label: 'state', class: 'c-state' },
  { label: 'attempts', class: 'n c-ms' },
  { label: 'last answer', class: 'c-code mid' },
  { label: 'next', class: 'c-ago' },
];

/** Callbacks and what their receivers answered. */
export function Callbacks(): JSX.Element {
  const state = route.value.query.get('state') ?? '';
  const query = new URLSearchParams({ ...(state === '' ? {} : { state }), limit: '100' }).toString();
  const pages = usePages<CallbackPageView, ListedCallbackView>(
    `/-/api/callbacks?${query}`,
    ({ callbacks }) => callbacks,
  );
  const counts = pages.latest?.counts ?? {};
  return (
    <>
      <PageHead
        title="Callbacks"
        lead="Messages to the addresses in Ringpost-Callback, sent when a request has ended."
        tools={
          <button type="button" onClick={pages.reload}>
            Refresh
          </button>
        }
      />
      <section class="card flush" aria-label="Callbacks">
        <div class="chips" role="group" aria-label="State">
          {['', ...states].map((each) => (
            <button
              key={each}
              type="button"
              aria-pressed={each === state}
              onClick={() => goTo(hrefOf(['callbacks'], { state: each }), { replace: true })}
            >
              {each === '' ? 'all' : each}
              {each !== '' && <span class="soft"> {count(counts[each as keyof typeof counts] ?? 0)}</span>}
            </button>
          ))}
        </div>
        <Paged
          pages={pages}
          empty={
            state === '' ? (
              <Empty title="There are no callbacks.">
                A client asks for one with <code>Ringpost-Callback: https://…</code> in an async request.
              </Empty>
            ) : (
              <Empty title={`No callback is ${state}.`} />
            )
          }
        >
          {(rows) => (
            <LongTable
              caption="Callbacks"
              columns={columns}
              rows={rows}
              keyOf={({ request }) => request}
              cells={(callback) => <Cells callback={callback} />}
            />
          )}
        </Paged>
      </section>
    </>
  );
}

function Cells({ callback }: { readonly callback: ListedCallbackView }): JSX.Element {
  const { request, receiver, state, attempts, answer, nextAt } = callback;
  return (
    <>
      <th scope="row" class="cut">
        <RequestLink id={request} title={request}>
          {request}
        </RequestLink>
      </th>
      <td class="mid cut" title={receiver ?? undefined}>
        {receiver ?? '–'}
      </td>
      <td>
        <StatePill state={state} />
      </td>
      <td class="n">{attempts}</td>
      <td class="mid cut">{answer === undefined ? '–' : <code>{answer}</code>}</td>
      <td>
        <Ago at={nextAt} />
      </td>
    </>
  );
}
