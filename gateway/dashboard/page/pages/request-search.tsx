import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { ListedRequestView, RequestPageView } from '#shared/contract/api/requests.ts';
import { goTo, hrefOf, route } from '../data/route.ts';
import { overview } from '../data/stream.ts';
import { usePages } from '../data/pages.ts';
import { Ago } from '../parts/ago.tsx';
import { Choice, Field } from '../parts/field.tsx';
import { LongTable } from '../parts/long-table.tsx';
import { Empty } from '../parts/note.tsx';
import { Paged } from '../parts/paged.tsx';
import { StatePill, StatusPill } from '../parts/pill.tsx';
import { byName } from '../parts/replica-colours.ts';
import { ReplicaName } from '../parts/replica-name.tsx';
import { duration } from '../words/numbers.ts';

const states = ['queued', 'running', 'done', 'failed', 'cancelled', 'expired'];

/** What can be asked for, as parameters of the page and of the API. */
const names = ['id', 'key', 'replica', 'state', 'status', 'from', 'to'] as const;
type Wanted = Readonly<Record<(typeof names)[number], string>>;

const columns = [
  { label: 'accepted', class: 'c-ago' },
  { label: 'request', class: 'c-path' },
  { label: 'state', class: 'c-state' },
  { label: 'status', class: 'c-status mid' },
  { label: 'replica', class: 'c-replica mid' },
  { label: 'attempts', class: 'n c-ms wide' },
  { label: 'waited', class: 'n c-ms wide' },
  { label: 'ran', class: 'n c-ms mid' },
];

/** Finds requests that have a record. */
export function RequestSearch(): JSX.Element {
  const { query } = route.value;
  const asked = wantedIn(query);
  const [wanted, setWanted] = useState(asked);
  useEffect(() => setWanted(asked), [query.toString()]);
  const pages = usePages<RequestPageView, ListedRequestView>(apiPath(asked), ({ requests }) => requests);
  const replicas = (overview.value?.replicas ?? []).map(({ name }) => name).toSorted(byName);
  const take =
    (name: keyof Wanted) =>
    (value: string): void =>
      setWanted({ ...wanted, [name]: value });
  return (
    <section class="card flush" aria-label="Requests with a record">
      <form
        class="filters"
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          goTo(hrefOf(['requests'], { view: 'search', ...wanted }), { replace: true });
          if (apiPath(wanted) === apiPath(asked)) pages.reload();
        }}
      >
        <Field label="Id" type="search" mono value={wanted.id} onValue={take('id')} />
        <Field label="Key" type="search" mono value={wanted.key} onValue={take('key')} />
        <Choice label="Replica" value={wanted.replica} options={replicas} onValue={take('replica')} />
        <Choice label="State" value={wanted.state} options={states} onValue={take('state')} />
        <Field
          label="Status"
          type="search"
          placeholder="502"
          value={wanted.status}
          onValue={take('status')}
        />
        <Field label="From" type="datetime-local" value={wanted.from} onValue={take('from')} />
        <Field label="To" type="datetime-local" value={wanted.to} onValue={take('to')} />
        <button type="submit" class="primary end">
          Search
        </button>
      </form>
      <Paged
        pages={pages}
        empty={
          <Empty title="No request with a record fits.">
            Requests get a record with <code>Prefer: respond-async</code> or an <code>Idempotency-Key</code>,
            and keep it for a time after their end. Others are seen{' '}
            <a href={hrefOf(['requests'], { view: 'live' })}>live</a> only.
          </Empty>
        }
      >
        {(rows) => (
          <LongTable
            caption="Requests with a record, the latest first"
            columns={columns}
            rows={rows}
            keyOf={({ id }) => id}
            cells={(request) => <Cells request={request} />}
          />
        )}
      </Paged>
    </section>
  );
}

function Cells({ request }: { readonly request: ListedRequestView }): JSX.Element {
  const { id, method, path, accepted, started, finished, state, code } = request;
  return (
    <>
      <td>
        <Ago at={accepted} />
      </td>
      <th scope="row" class="cut">
        <a class="mono" href={timelineHref(request)} title={`${method} ${path}\n${id}`}>
          <b>{method}</b> {path}
        </a>
      </th>
      <td title={code ?? undefined}>
        <StatePill state={state} />
      </td>
      <td class="mid">
        <StatusPill status={request.status} />
      </td>
      <td class="mid">
        <ReplicaName name={request.replica} />
      </td>
      <td class="n wide">{request.attempts}</td>
      <td class="n wide">{duration(started === null ? null : Math.max(0, started - accepted))}</td>
      <td class="n mid">
        {duration(started === null || finished === null ? null : Math.max(0, finished - started))}
      </td>
    </>
  );
}

/** A viewer is not told ids, but the path of the timeline. */
function timelineHref({ self }: ListedRequestView): string {
  return hrefOf(['requests', decodeURIComponent(self.slice(self.lastIndexOf('/') + 1))]);
}

function wantedIn(query: URLSearchParams): Wanted {
  const of = (name: string): string => query.get(name) ?? '';
  return {
    id: of('id'),
    key: of('key'),
    replica: of('replica'),
    state: of('state'),
    status: of('status'),
    from: of('from'),
    to: of('to'),
  };
}

/**
 * An id finds one request, whatever else is asked for. The browser's fields give local times without a zone;
 * the API takes RFC 3339.
 */
function apiPath(wanted: Wanted): string {
  const id = wanted.id.trim();
  if (id !== '') return `/-/api/requests?id=${encodeURIComponent(id)}`;
  const parameters = new URLSearchParams();
  for (const name of names) {
    const value = wanted[name].trim();
    const isTime = name === 'from' || name === 'to';
    const time = isTime ? new Date(value) : undefined;
    if (value === '' || (time !== undefined && Number.isNaN(time.getTime()))) continue;
    parameters.set(name, time?.toISOString() ?? value);
  }
  parameters.set('limit', '100');
  return `/-/api/requests?${parameters.toString()}`;
}
