import { computed, signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import type { LiveRequestView, LiveRequestsView } from '#shared/contract/api/requests.ts';
import { call } from '../data/call.ts';
import { leftOut, liveRequests, setLive } from '../data/live-requests.ts';
import { hrefOf } from '../data/route.ts';
import { overview, watchLive } from '../data/stream.ts';
import { Choice, Field } from '../parts/field.tsx';
import { Icon } from '../parts/icon.tsx';
import { LongTable } from '../parts/long-table.tsx';
import { Empty } from '../parts/note.tsx';
import { StatusPill } from '../parts/pill.tsx';
import { RequestLink } from '../parts/request-link.tsx';
import { byName } from '../parts/replica-colours.ts';
import { ReplicaName } from '../parts/replica-name.tsx';
import { roundScale, TimingBar } from '../parts/timing-bar.tsx';
import { count, duration } from '../words/numbers.ts';
import { absolute, timeOfDay } from '../words/times.ts';

const text = signal('');
const replica = signal('');
const outcome = signal('');
const isHeld = signal(false);
const isScrolled = signal(false);
/** Whether the pointer or the focus is in the list: nothing moves away under it. */
const isPointedAt = signal(false);

/** The list stands still while a person reads it. */
const held = signal<readonly LiveRequestView[] | null>(null);

const outcomes: Readonly<Record<string, (request: LiveRequestView) => boolean>> = {
  failed: ({ status }) => status >= 500 || status === 429,
  '4xx': ({ status }) => status >= 400 && status < 500,
  'redelivered or adopted': ({ attempt, adoptedBy }) => attempt > 1 || adoptedBy !== null,
};

const shown = computed(() => {
  const wanted = text.value.trim().toLowerCase();
  const fits = outcomes[outcome.value];
  return (held.value ?? liveRequests.value).filter(
    (request) =>
      (replica.value === '' || request.replica === replica.value) &&
      (fits === undefined || fits(request)) &&
      (wanted === '' || `${request.id} ${request.method} ${request.path}`.toLowerCase().includes(wanted)),
  );
});

const scaleMs = computed(() => roundScale(shown.value.slice(0, 200).map(({ totalMs }) => totalMs)));

const columns = [
  { label: 'time', class: 'c-time mid' },
  { label: 'request', class: 'c-path' },
  { label: 'status', class: 'c-status' },
  { label: 'replica', class: 'c-replica mid' },
  { label: 'wait', class: 'n c-ms mid' },
  { label: 'service', class: 'n c-ms mid' },
  { label: 'total', class: 'n c-ms' },
  { label: 'where the time went', class: 'c-bar wide' },
];

/** The requests that ended lately, the latest first. */
export function LiveList(): JSX.Element {
  useEffect(() => {
    const stop = watchLive();
    call<LiveRequestsView>('GET', '/-/api/live').then(
      ({ requests }) => setLive(requests),
      // The stream brings what follows, and says if it cannot.
      () => undefined,
    );
    return stop;
  }, []);
  // A list without rows has nothing that a person points at.
  const hold = isHeld.value || (shown.value.length > 0 && (isScrolled.value || isPointedAt.value));
  useEffect(() => {
    held.value = hold ? liveRequests.peek() : null;
    return () => {
      held.value = null;
    };
  }, [hold]);
  useEffect(
    () => () => {
      isPointedAt.value = false;
    },
    [],
  );
  const rows = shown.value;
  const place =
    held.value === null ? 0 : liveRequests.value.findIndex(({ id }) => id === held.value?.[0]?.id);
  // The first that was held may have been pushed out since.
  const missed = place < 0 ? liveRequests.value.length : place;
  return (
    <section class="card flush" aria-label="Live requests">
      <Filters />
      {rows.length === 0 ? (
        <Nothing />
      ) : (
        <div
          onPointerEnter={() => {
            isPointedAt.value = true;
          }}
          onPointerLeave={() => {
            isPointedAt.value = false;
          }}
          onFocusIn={() => {
            isPointedAt.value = true;
          }}
          onFocusOut={() => {
            isPointedAt.value = false;
          }}
        >
          <LongTable
            caption="Live requests, the latest first"
            columns={columns}
            rows={rows}
            keyOf={(_, index) => String(index)}
            cells={(request) => <Cells request={request} />}
            onScrolled={(value) => {
              isScrolled.value = value;
            }}
          />
          <p class="under soft">
            {count(rows.length)} shown; a full bar is {duration(scaleMs.value)}
            {leftOut.value > 0 && `; ${count(leftOut.value)} more finished but are not listed`}
            {hold && `; held${missed > 0 ? `, ${count(missed)} newer` : ''}`}
          </p>
        </div>
      )}
    </section>
  );
}

function Filters(): JSX.Element {
  const names = (overview.value?.replicas ?? []).map(({ name }) => name).toSorted(byName);
  return (
    <div class="filters" role="search">
      <Field
        label="Id, method or path"
        type="search"
        placeholder="POST /report"
        value={text.value}
        onValue={(value) => {
          text.value = value;
        }}
      />
      <Choice
        label="Replica"
        value={replica.value}
        options={names}
        onValue={(value) => {
          replica.value = value;
        }}
      />
      <Choice
        label="Outcome"
        value={outcome.value}
        options={Object.keys(outcomes)}
        onValue={(value) => {
          outcome.value = value;
        }}
      />
      <button
        type="button"
        class="end"
        aria-pressed={isHeld.value}
        onClick={() => {
          isHeld.value = !isHeld.value;
        }}
      >
        <Icon name={isHeld.value ? 'play' : 'pause'} />
        {isHeld.value ? 'Follow' : 'Hold'}
      </button>
    </div>
  );
}

function Nothing(): JSX.Element {
  if (liveRequests.value.length > 0)
    return <Empty title="No request fits the filter.">Clear it to see all.</Empty>;
  return (
    <Empty title="No request has ended since the page was opened.">
      Requests are noted only while somebody watches. Those with a record are under{' '}
      <a href={hrefOf(['requests'], { view: 'search' })}>search</a>.
    </Empty>
  );
}

function Cells({ request }: { readonly request: LiveRequestView }): JSX.Element {
  const { id, at, method, path, status, code, attempt, adoptedBy, queueMs, serviceMs, totalMs } = request;
  return (
    <>
      <td class="mid soft" title={absolute(at)}>
        {timeOfDay(at)}
      </td>
      <th scope="row" class="cut">
        <RequestLink id={id} title={`${method} ${path}\n${id}`}>
          <b>{method}</b> {path}
        </RequestLink>
        {attempt > 1 && <span class="tag">attempt {attempt}</span>}
        {adoptedBy !== null && <span class="tag">by {adoptedBy}</span>}
      </th>
      <td title={code ?? undefined}>
        <StatusPill status={status} />
      </td>
      <td class="mid">
        <ReplicaName name={request.replica} />
      </td>
      <td class="n mid">{duration(queueMs)}</td>
      <td class="n mid">{duration(serviceMs)}</td>
      <td class="n">{duration(totalMs)}</td>
      <td class="wide">
        <TimingBar queueMs={queueMs} serviceMs={serviceMs} totalMs={totalMs} scaleMs={scaleMs.value} />
      </td>
    </>
  );
}
