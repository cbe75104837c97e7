import type { ComponentChildren, JSX } from 'preact';
import type { ApiReplicaAnswer } from '#shared/contract/api/replicas.ts';
import type { CrashView } from '#shared/contract/ring-view.ts';
import { hrefOf } from '../data/route.ts';
import { useResource } from '../data/resource.ts';
import { mayChange } from '../data/session-state.ts';
import { replicaActions } from '../actions/replica-actions.tsx';
import { Ago, Left } from '../parts/ago.tsx';
import { Card, PageHead } from '../parts/card.tsx';
import { Empty, Loaded } from '../parts/note.tsx';
import { LoadBar } from '../parts/load-bar.tsx';
import { ReplicaName } from '../parts/replica-name.tsx';
import { ReplicaPills } from '../parts/replica-pills.tsx';
import { ReplicaNotes } from './replica-notes.tsx';
import { bytes, count, duration, none, rate, share, tenths } from '../words/numbers.ts';

/** How often the page reads the replica again, in ms. */
const everyMs = 2000;

/** One replica: its state, its queue, its worker, and its last crash. */
export function Replica({ name }: { readonly name: string }): JSX.Element {
  const replica = useResource<ApiReplicaAnswer>(`/-/api/replicas/${encodeURIComponent(name)}`, { everyMs });
  return (
    <Loaded from={replica}>
      {(view) => (
        <>
          <PageHead
            title={<>Replica {view.name}</>}
            lead={<Lead view={view} />}
            tools={<Tools view={view} />}
          />
          {'inRing' in view && <ReplicaNotes view={view} />}
          <Content view={view} />
        </>
      )}
    </Loaded>
  );
}

function Lead({ view }: { readonly view: ApiReplicaAnswer }): JSX.Element {
  const { since, reason } = view;
  return (
    <>
      <ReplicaPills replica={view} /> since <Ago at={since} />
      {reason !== undefined && <> · was lost: {reason}</>}
    </>
  );
}

function Tools({ view }: { readonly view: ApiReplicaAnswer }): ComponentChildren {
  if (!mayChange.value || !('inRing' in view)) return null;
  return replicaActions(view).map(({ label, run, tone }) => (
    <button key={label} type="button" class={tone} onClick={run}>
      {label}
    </button>
  ));
}

type Fact = readonly [label: string, value: ComponentChildren];

function Content({ view }: { readonly view: ApiReplicaAnswer }): JSX.Element {
  const { depths, worker } = view;
  const queue: readonly Fact[] = [
    ['load', <LoadBar load={view.load} cap={view.cap} />],
    ['waiting', count(depths.waiting)],
    ['with a priority', count(depths.prioritized)],
    ['delayed', count(depths.delayed)],
    ['running', count(depths.active)],
    ['streams', count(depths.streams)],
    ['oldest waits for', duration(view.oldestMs)],
    ['requests/s', rate(view.requestsPerS)],
    ['failures/s', rate(view.failuresPerS)],
    ['spilled from others/s', rate(view.spilledInPerS)],
    ['spilled to others/s', rate(view.spilledOutPerS)],
    ['wait p50 / p95 / p99', percentiles(view.waitMs)],
    ['service p50 / p95 / p99', percentiles(view.serviceMs)],
  ];
  const ring: readonly Fact[] = [
    ['share of the keys', share(view.share)],
    ...('inRing' in view
      ? ([
          ['in the ring', view.inRing ? 'yes' : 'no'],
          [
            'weight',
            view.slowStart === undefined ? (
              view.weight
            ) : (
              <>
                {view.weight} ({tenths(view.slowStart.share)} now, all in <Left at={view.slowStart.endsAt} />)
              </>
            ),
          ],
        ] as const)
      : []),
    ['generation', view.generation ?? none],
    ['consecutive losses', view.failures ?? 0],
    ['lease ends in', duration(view.leaseMs)],
    ['adopted by', view.adopter ?? none],
    ...(view.upstream == null ? [] : ([['upstream', view.upstream]] as const)),
    ['clock ahead of Redis', duration(view.clockAheadMs)],
  ];
  return (
    <>
      <div class="columns">
        <Card title="Queue">
          <Facts facts={queue} />
        </Card>
        <Card title="Ring">
          <Facts facts={ring} />
        </Card>
        <Card title="Worker">
          {worker === null ? (
            <NoWorker isAsleep={view.state === 'asleep'} />
          ) : (
            <Facts
              facts={[
                ['started', <Ago at={worker.since} />],
                ['version', worker.version],
                ['host', worker.host],
                ['process', worker.pid],
                ['memory', bytes(worker.rssBytes)],
                ['heap', bytes(worker.heapBytes)],
                ['event-loop lag, p99', duration(worker.eventLoopLagMs)],
              ]}
            />
          )}
        </Card>
      </div>
      <Card title="Last crash">
        {view.crash === null ? <Empty title="No crash is recorded." /> : <Crash crash={view.crash} />}
      </Card>
      <p>
        <a href={hrefOf(['requests'], { replica: view.name, view: 'search' })}>
          Requests with a record at {view.name}
        </a>
        {' · '}
        <a href={hrefOf(['dead-letters'], { replica: view.name })}>Its dead letters</a>
        {'heir' in view && view.heir !== undefined && (
          <>
            {' · '}replaced by <ReplicaName name={view.heir} />
          </>
        )}
      </p>
    </>
  );
}

function NoWorker({ isAsleep }: { readonly isAsleep: boolean }): JSX.Element {
  return isAsleep ? (
    <Empty title="It sleeps, so it has no worker." />
  ) : (
    <Empty title="No worker has reported.">
      It reports when it is ready. The log of the gateway says how its start goes.
    </Empty>
  );
}

function percentiles(view: ApiReplicaAnswer['waitMs']): string {
  return view === null ? none : [view.p50, view.p95, view.p99].map(duration).join(' / ');
}

/** Pairs of names and values. */
export function Facts({ facts }: { readonly facts: readonly Fact[] }): JSX.Element {
  return (
    <dl class="pairs">
      {facts.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Crash({
  crash: { reason, at, generation, stderr = [], requests = [] },
}: {
  crash: CrashView;
}): JSX.Element {
  return (
    <>
      <p>
        <strong>{reason ?? 'It ended without a known reason.'}</strong>{' '}
        <span class="soft">
          Generation {generation}, <Ago at={at} />
        </span>
      </p>
      {stderr.length > 0 && (
        <pre tabIndex={0} aria-label="The last lines of its stderr">
          {stderr.join('\n')}
        </pre>
      )}
      {requests.length > 0 && (
        <>
          <p>It was running:</p>
          <ul class="mono">
            {requests.map((id) => (
              <li key={id}>
                <a href={hrefOf(['requests', id])}>{id}</a>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
