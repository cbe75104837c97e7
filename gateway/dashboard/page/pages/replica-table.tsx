import type { JSX } from 'preact';
import type { ApiReplicaView, ApiRetiredReplicaView } from '#shared/contract/api/replicas.ts';
import type { OverviewView } from '#shared/contract/api/overview.ts';
import { mayChange } from '../data/session-state.ts';
import { replicaActions } from '../actions/replica-actions.tsx';
import { Since } from '../parts/ago.tsx';
import { Menu } from '../parts/menu.tsx';
import { LoadBar } from '../parts/load-bar.tsx';
import { byName, colourOf } from '../parts/replica-colours.ts';
import { ReplicaName } from '../parts/replica-name.tsx';
import { ReplicaPills } from '../parts/replica-pills.tsx';
import { bytes, count, duration, none, rate, share } from '../words/numbers.ts';

/** Longest wait that is not pointed out, in ms. */
const longWaitMs = 10_000;

/** All replicas with their numbers; those that leave come last. */
export function ReplicaTable({ view: { replicas, retired } }: { readonly view: OverviewView }): JSX.Element {
  const sorted = replicas.toSorted((one, other) => byName(one.name, other.name));
  const max = Math.max(0.0001, ...replicas.map((replica) => replica.share));
  const columns: readonly (readonly [label: string, name: string, title?: string])[] = [
    ['replica', ''],
    ['state', ''],
    ['for', 'n mid'],
    ['share', 'share-column mid'],
    [
      'load',
      'load-column mid',
      'the requests that wait and run, of those from which on loose ones go elsewhere',
    ],
    ['waits', 'n'],
    ['runs', 'n'],
    ['delayed', 'n wider'],
    ['oldest', 'n mid', 'how long the oldest waiting request has waited'],
    ['req/s', 'n'],
    ['fail/s', 'n mid'],
    ['spills/s', 'n wide', 'requests that came from overloaded replicas (+), and that went to others (−)'],
    ['wait p99', 'n mid'],
    ['service p99', 'n mid'],
    ['memory', 'n wider', 'resident memory of the worker'],
    ['lag', 'n wider', '99th percentile of the delay of the worker’s event loop'],
    ['lease', 'n wider', 'time until the lease of the worker ends'],
  ];
  return (
    <div class="scroll-x" role="group" aria-label="Replicas" tabIndex={0}>
      <table class="replicas">
        <caption class="unseen">Replicas with their state, share of the ring, queue and times</caption>
        <thead>
          <tr>
            {columns.map(([label, name, title]) => (
              <th key={label} scope="col" class={name} title={title}>
                {label}
              </th>
            ))}
            <th scope="col" class="last">
              <span class="unseen">actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {sorted.map((replica) => (
            <Row key={replica.name} replica={replica} maxShare={max} />
          ))}
          {retired.map((replica) => (
            <Row key={`${replica.name} retired`} replica={replica} maxShare={max} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

type Shown = ApiReplicaView | ApiRetiredReplicaView;

function Row({ replica, maxShare }: { readonly replica: Shown; readonly maxShare: number }): JSX.Element {
  const { name, depths, worker, oldestMs, waitMs, serviceMs, failuresPerS } = replica;
  const isDesired = 'inRing' in replica;
  const weight = isDesired ? replica.weight : 1;
  return (
    <tr>
      <th scope="row">
        <ReplicaName name={name} />
        {weight !== 1 && (
          <span class="tag" title={`weight ${weight}`}>
            ×{weight}
          </span>
        )}
      </th>
      <td class="pills">
        <ReplicaPills replica={replica} />
      </td>
      <td class="n mid">
        <Since at={replica.since} />
      </td>
      <td class="share-column mid">
        <span class="share-bar" aria-hidden="true">
          <i style={{ width: `${(100 * replica.share) / maxShare}%`, background: colourOf(name) }} />
        </span>
        <span>{share(replica.share)}</span>
      </td>
      <td class="load-column mid">
        <LoadBar load={replica.load} cap={replica.cap} />
      </td>
      <td class="n">{count(depths.waiting + depths.prioritized)}</td>
      <td class="n">{count(depths.active)}</td>
      <td class="n wider">{count(depths.delayed)}</td>
      <td class={`n mid ${(oldestMs ?? 0) > longWaitMs ? 'bad' : ''}`}>{duration(oldestMs)}</td>
      <td class="n">{rate(replica.requestsPerS)}</td>
      <td class={`n mid ${failuresPerS > 0 ? 'bad' : ''}`}>{rate(failuresPerS)}</td>
      <td class="n wide">{spills(replica)}</td>
      <td class="n mid">{duration(waitMs?.p99)}</td>
      <td class="n mid">{duration(serviceMs?.p99)}</td>
      <td class="n wider">{worker === null ? none : bytes(worker.rssBytes)}</td>
      <td class="n wider">{duration(worker?.eventLoopLagMs)}</td>
      <td class="n wider">{duration(replica.leaseMs)}</td>
      <td class="last">
        {isDesired && mayChange.value && (
          <Menu label={`Actions for ${name}`} items={replicaActions(replica)} />
        )}
      </td>
    </tr>
  );
}

/** @returns e.g. `+0.8 −1.2`. */
function spills({ spilledInPerS, spilledOutPerS }: Shown): string {
  const came = spilledInPerS > 0 ? [`+${rate(spilledInPerS)}`] : [];
  const went = spilledOutPerS > 0 ? [`−${rate(spilledOutPerS)}`] : [];
  return [...came, ...went].join(' ') || '0';
}
