import { isOut } from '#shared/contract/ejection.ts';
import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import type { Instance } from '../drivers/driver.ts';
import type { Observed } from './observe.ts';
import { instancesOf, isGone, isPausedWithHeir, ownLease } from './observed-replica.ts';
import { backoffMs } from './replica-state.ts';
import { beginning } from './slow-start.ts';
import type { Step } from './step.ts';

/** @returns the steps for the workers of one replica. */
export function workerSteps(name: string, status: ReplicaStatus, observed: Observed, now: number): Step[] {
  const instances = instancesOf(name, observed);
  const lease = ownLease(name, observed);
  const standby = observed.standbys.get(name);
  const kill = (cause: string): Step[] =>
    instances
      .filter(({ generation }) => generation !== standby)
      .map(({ generation }) => ({ do: 'kill', name, generation, cause }));
  switch (status.state) {
    case 'starting':
    // The sleep steps wake it.
    case 'asleep':
      return [];
    case 'ready':
    case 'draining':
      return lease === undefined ? [] : superfluous(name, lease.generation, observed);
    case 'lost': {
      if (lease?.state === 'leaving') return [];
      const cause = status.reason ?? 'no worker runs';
      // A worker that hangs, or was too late, is ended first. One that waits for the lease takes it then.
      if (instances.length > 0) return kill(cause);
      const waits = lease !== undefined || now - status.since < backoffMs(status.failures);
      return waits ? [] : [{ do: 'start', name, cause }];
    }
    default:
      return status.state satisfies never;
  }
}

/** If two controllers started a worker at once, the second worker would wait for the lease forever. */
function superfluous(name: string, holder: number, observed: Observed): Step[] {
  const own = instancesOf(name, observed);
  const isRolledOut = own.some(({ generation, outdated }) => generation === holder && outdated);
  if (isRolledOut) return [];
  return own
    .filter(({ generation }) => generation !== holder)
    .map(({ generation }) => ({
      do: 'kill',
      name,
      generation,
      cause: `generation ${holder} holds the lease`,
    }));
}

/**
 * Replaces workers that were started from other settings or another image, that are to move to another node,
 * or that operators restart, one replica at a time, and only while all replicas are ready: the new worker is
 * ready to take over before the old one is told to go. A new worker that is outdated itself before it has
 * taken over goes first.
 * @param startAtOnce how many new workers may start or wait at the same time.
 */
export function rolloutSteps(
  observed: Observed,
  statuses: ReadonlyMap<string, ReplicaStatus>,
  startAtOnce: number,
): Step[] {
  const { desired, leases, standbys, restarts } = observed;
  // Whether all replicas are ready is asked only for replicas with an outdated worker.
  const outdated = desired.flatMap(({ name }) => {
    const holder = leases.get(name)?.generation;
    const own = instancesOf(name, observed).filter((each) => each.generation === holder && each.outdated);
    return own.length > 0 && isReplaceable(name, observed, statuses) ? own : [];
  });
  const newer = outdated.flatMap(({ name, generation }) =>
    instancesOf(name, observed).filter((each) => each.generation > generation),
  );
  const coming = new Map(newer.filter((each) => !each.outdated).map((each) => [each.name, each.generation]));
  const superseded = newer.filter((each) => each.outdated);
  const causeFor = ({ name, cause }: Instance): string =>
    restarts.has(name) ? 'an operator restarts it' : (cause ?? 'it was started from another configuration');
  const next = outdated.find(({ name }) => coming.has(name) && standbys.get(name) === coming.get(name));
  const starting = outdated.filter(({ name }) => !coming.has(name));
  return [
    ...superseded.map(({ name, generation }) => retire(name, generation, 'it is outdated before its turn')),
    ...(next === undefined ? [] : [retire(next.name, next.generation, causeFor(next))]),
    ...starting
      .slice(0, Math.max(0, startAtOnce - coming.size))
      .map((each): Step => ({ do: 'standby', name: each.name, cause: causeFor(each) })),
  ];
}

/**
 * @returns whether the worker of a replica may be replaced now: if all replicas are ready or asleep. If an
 * operator restarts that replica alone, it need not wait for others, except for those that are being
 * restarted.
 */
function isReplaceable(
  name: string,
  { desired, restarts }: Observed,
  statuses: ReadonlyMap<string, ReplicaStatus>,
): boolean {
  const isReady = (each: string): boolean => statuses.get(each)?.state === 'ready';
  const isFine = (each: string): boolean => isReady(each) || statuses.get(each)?.state === 'asleep';
  const isAlone = restarts.get(name)?.rolling === false;
  return (
    isReady(name) && desired.every((other) => isFine(other.name) || (isAlone && !restarts.has(other.name)))
  );
}

/** @returns the step that ends the wish to restart a replica, once the wish has been fulfilled. */
export function restartSteps(name: string, status: ReplicaStatus, observed: Observed): Step[] {
  const restart = observed.restarts.get(name);
  if (restart === undefined) return [];
  const isNew = status.state === 'ready' && status.generation > restart.generation;
  const isDown = status.state === 'lost' || status.state === 'asleep';
  const isStartedAnyway = isDown && isGone(name, observed);
  if (!isNew && !isStartedAnyway) return [];
  return [
    { do: 'restarted', name, restart, cause: isNew ? 'its new worker is ready' : 'its worker is gone' },
  ];
}

function retire(name: string, generation: number, cause: string): Step {
  return { do: 'retire', name, generation, cause };
}

/** @returns whether a desired replica has to be added to the ring or removed from it. */
export function ringSteps(
  name: string,
  status: ReplicaStatus,
  observed: Observed,
  { failoverMs, slowStartMs = 0 }: { readonly failoverMs: number; readonly slowStartMs?: number },
  now: number,
): Step[] {
  const admitted = observed.ring.get(name);
  if (observed.drained.has(name))
    return admitted === undefined ? [] : [{ do: 'evict', name, cause: 'an operator drains it' }];
  const ejection = observed.ejections.get(name);
  if (isOut(ejection))
    return admitted === undefined ? [] : [{ do: 'evict', name, cause: `an outlier: ${ejection.detail}` }];
  if (status.state === 'ready') {
    const { generation } = status;
    if (admitted === generation || ownLease(name, observed) === undefined) return [];
    const slowStart = beginning(name, observed, slowStartMs, now);
    const cause =
      admitted === undefined && slowStart?.tenths === 1
        ? 'it is ready, and begins with a tenth of its weight'
        : 'it is ready';
    return [{ do: 'admit', name, generation, ...(slowStart === undefined ? {} : { slowStart }), cause }];
  }
  if (status.state === 'asleep') {
    const { generation } = status;
    return admitted === undefined ? [{ do: 'admit', name, generation, cause: 'it sleeps' }] : [];
  }
  // The keys of a paused replica wait for it.
  if (observed.paused.has(name)) return [];
  const lostMs = status.lostAt === undefined ? 0 : now - status.lostAt;
  return admitted !== undefined && lostMs > failoverMs
    ? [{ do: 'evict', name, cause: `not ready for more than ${failoverMs} ms` }]
    : [];
}

/**
 * Offers the queue of a replica outside the ring for adoption if it holds jobs and nobody serves it. The
 * offer stands while an adopter serves the queue.
 * @param possible whether a live worker could adopt it.
 */
export function offerSteps(name: string, observed: Observed, possible: boolean): Step[] {
  const lease = observed.leases.get(name);
  const offered = observed.offered.has(name);
  const held = observed.backlog.get(name) ?? 0;
  // A live worker whose lease Redis has lost is about to renew it. An adopter would take it before.
  const mayBeServed = observed.blind && !offered;
  const unserved = lease === undefined && held > 0 && !mayBeServed;
  const isServable = possible && !observed.paused.has(name);
  const wanted = isServable && !observed.ring.has(name) && (unserved || lease?.adopter !== undefined);
  if (wanted && !offered) return [{ do: 'offer', name, cause: `nobody serves the ${held} jobs it holds` }];
  if (!offered || wanted) return [];
  const cause = observed.paused.has(name) ? 'it is paused' : 'it is served, or holds nothing';
  return [{ do: 'withdraw', name, cause }];
}

/** A replica that was removed finishes what it holds, so its queue must not stay paused. */
export function resumeSteps(name: string, observed: Observed): Step[] {
  return observed.paused.has(name) && !isPausedWithHeir(name, observed)
    ? [{ do: 'resume', name, cause: 'it is removed, and finishes what it holds' }]
    : [];
}
