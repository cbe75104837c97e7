import type { JSX } from 'preact';
import type { OverviewView } from '#shared/contract/api/overview.ts';
import { mayChange } from '../data/session-state.ts';
import { overview, streamState } from '../data/stream.ts';
import { askAdd, askRestartAll } from '../actions/replica-actions.tsx';
import { Card, PageHead } from '../parts/card.tsx';
import { Icon } from '../parts/icon.tsx';
import { Empty } from '../parts/note.tsx';
import { RingPicture, ringParts } from '../parts/ring-picture.tsx';
import { counted } from '../words/numbers.ts';
import { AutoscaleCard } from './autoscale-card.tsx';
import { OverviewCharts } from './overview-charts.tsx';
import { ReplicaTable } from './replica-table.tsx';
import { Totals } from './totals.tsx';
import { Troubles } from './troubles.tsx';
import { WhereIsKey } from './where-is-key.tsx';

/** The whole system at a glance. */
export function Overview(): JSX.Element {
  const view = overview.value;
  return (
    <>
      <PageHead title="Overview" lead={view === null ? undefined : <Lead view={view} />} tools={<Tools />} />
      {view === null ? (
        <p class="loading soft">
          {streamState.value === 'lost'
            ? 'The gateway does not answer yet.'
            : 'Waiting for the first numbers …'}
        </p>
      ) : (
        <Content view={view} />
      )}
    </>
  );
}

function Tools(): JSX.Element | null {
  if (!mayChange.value) return null;
  return (
    <>
      <button type="button" onClick={askRestartAll}>
        Restart all …
      </button>
      <button type="button" class="primary" onClick={askAdd}>
        <Icon name="plus" />
        Add replica …
      </button>
    </>
  );
}

function Lead({ view: { replicas, ring } }: { readonly view: OverviewView }): JSX.Element {
  const ready = replicas.filter(({ state }) => state === 'ready').length;
  const asleep = replicas.filter(({ state }) => state === 'asleep').length;
  const ejected = replicas.filter(({ ejection }) => ejection !== undefined).length;
  return (
    <>
      {ready} of {counted(replicas.length, 'replica')} ready{asleep === 0 ? '' : `, ${asleep} asleep`}
      {ejected === 0 ? '' : `, ${ejected} ejected`}
      {ring.leader === null ? '; no controller leads' : <>; led by {ring.leader}</>}
    </>
  );
}

function Content({ view }: { readonly view: OverviewView }): JSX.Element {
  const { replicas, ring } = view;
  const parts = ringParts(replicas);
  return (
    <>
      <Troubles troubles={view.troubles} />
      <Totals totals={view.totals} sample={view.sample} />
      <div class="overview">
        <Card title="Ring" hint={ring.strategy} class="ring-card">
          <RingPicture parts={parts} middle={[String(parts.length), 'in the ring']} />
          <WhereIsKey />
        </Card>
        <OverviewCharts />
      </div>
      {view.autoscale !== null && <AutoscaleCard autoscale={view.autoscale} />}
      <Card
        title="Replicas"
        hint={view.retired.length === 0 ? undefined : `and ${view.retired.length} leaving`}
        class="flush"
      >
        {replicas.length + view.retired.length === 0 ? (
          <Empty title="There are no replicas.">
            Add one with the button above, or with <code>ringpost add</code>.
          </Empty>
        ) : (
          <ReplicaTable view={view} />
        )}
      </Card>
    </>
  );
}
