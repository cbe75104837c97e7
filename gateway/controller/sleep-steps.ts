/** Which replicas are put to sleep, and which are woken (ADR 0063). Pure. */
import { isOut } from '#shared/contract/ejection.ts';
import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import type { Observed } from './observe.ts';
import { instancesOf, ownLease } from './observed-replica.ts';
import type { Step } from './step.ts';

/** How long before a delayed request is due its replica is woken, in ms: its worker has to start. */
const wakeAheadMs = 2000;
/**
 * For how long a worker remembers requests that must not run twice, in ms. If its queue was used since its
 * last heartbeat, it may have begun to remember one.
 */
const rememberedMs = 60_000;

/**
 * @param observed with the desired replicas that may be started.
 * @param sleepAfterMs time in ms for which a replica has to be idle; 0: all are woken.
 * @param now ms since the epoch, in Redis time.
 * @returns the steps that put idle replicas to sleep, that end workers of replicas that sleep already, and
 * that wake replicas.
 */
export function sleepSteps(
  observed: Observed,
  statuses: ReadonlyMap<string, ReplicaStatus>,
  sleepAfterMs: number,
  now: number,
): Step[] {
  const names = observed.desired.map(({ name }) => name);
  const isIn = (name: string, state: ReplicaStatus['state']): boolean => statuses.get(name)?.state === state;
  const asleep = names.filter((name) => isIn(name, 'asleep'));
  const calls = asleep.flatMap((name) => {
    const cause = wakeCause(name, observed, sleepAfterMs, now);
    return cause === undefined ? [] : [{ name, cause }];
  });
  const helper = calls.length === 0 ? helperFor(observed, statuses, asleep) : undefined;
  const woken = helper === undefined ? calls : [helper];
  const causes = new Map(woken.map(({ name, cause }) => [name, cause]));
  const steps = asleep.flatMap((name): Step[] => {
    const { generation = 0 } = observed.sleepers.get(name) ?? {};
    const cause = causes.get(name);
    const isLeaving = observed.leases.get(name) !== undefined;
    const isLeft = instancesOf(name, observed).length > 0;
    // The old worker goes first. Its controller may have died before it told the worker to go.
    if (isLeft && !isLeaving) return [{ do: 'retire', name, generation, cause: 'it sleeps' }];
    return cause === undefined || isLeft || isLeaving ? [] : [{ do: 'start', name, cause }];
  });
  const isCalm = names.every((name) => isIn(name, 'ready') || isIn(name, 'asleep'));
  if (sleepAfterMs === 0 || !isCalm || woken.length > 0 || observed.blind) return steps;
  const adopters = adoptersIn(observed);
  return [
    ...steps,
    ...names.flatMap((name) => {
      const since = adopters.has(name) ? undefined : idleTime(name, observed, now - sleepAfterMs);
      const generation = ownLease(name, observed)?.generation ?? 0;
      const cause = `it has been idle for ${sleepAfterMs / 1000} s`;
      return since === undefined ? [] : [sleep(name, generation, since, sleepAfterMs, cause)];
    }),
  ];
}

function sleep(name: string, generation: number, idleSince: number, afterMs: number, cause: string): Step {
  const quietMs = Math.max(afterMs, rememberedMs);
  // It must be worth it.
  const untilDueMs = Math.max(afterMs, 2 * wakeAheadMs);
  return { do: 'sleep', name, terms: { generation, idleSince, quietMs, untilDueMs }, cause };
}

/** @returns why a replica that sleeps has to wake; undefined if it need not. */
function wakeCause(
  name: string,
  { sleepers, paused }: Observed,
  sleepAfterMs: number,
  now: number,
): string | undefined {
  const sleeper = sleepers.get(name);
  if (sleeper === undefined) return undefined;
  if (sleepAfterMs === 0) return 'SLEEP_AFTER_S is 0';
  // Nothing of it would be run.
  if (paused.has(name)) return undefined;
  if (sleeper.waking || sleeper.held > 0) return 'a request waits for it';
  const { dueAt = Infinity } = sleeper;
  return dueAt - wakeAheadMs <= now ? 'a delayed request is about to be due' : undefined;
}

/** @returns the replica that has to wake because a queue is to be adopted and no worker is there. */
function helperFor(
  { backlog, leases, paused, retired }: Observed,
  statuses: ReadonlyMap<string, ReplicaStatus>,
  asleep: readonly string[],
): { readonly name: string; readonly cause: string } | undefined {
  const name = asleep.find((each) => !paused.has(each));
  const isAwake = [...statuses.values()].some(({ state }) => state === 'ready' || state === 'starting');
  if (name === undefined || isAwake) return undefined;
  // A replica that was removed is started by itself if no worker is there.
  const left = Array.from(backlog).find(
    ([each, held]) =>
      held > 0 && !retired.has(each) && !asleep.includes(each) && !leases.has(each) && !paused.has(each),
  );
  return left === undefined ? undefined : { name, cause: `nobody serves the queue of ${left[0]}` };
}

/** @returns the replicas whose workers serve, or are to serve, the queues of others. */
function adoptersIn({ leases, heirs }: Observed): ReadonlySet<string> {
  // An adopter is named by its replica and its generation.
  const holders = [...leases.values()].flatMap(({ adopter }) => adopter?.replace(/#.*$/, '') ?? []);
  return new Set([...holders, ...heirs.values()]);
}

/**
 * @param before in ms since the epoch.
 * @returns since when a replica is idle, if that is before then and nothing else needs its worker.
 */
function idleTime(name: string, observed: Observed, before: number): number | undefined {
  const { standbys, ring, paused, drained, restarts, offered } = observed;
  const lease = ownLease(name, observed);
  if (lease?.state !== 'ready' || lease.idle === undefined || lease.idle.remembers) return undefined;
  const own = instancesOf(name, observed);
  // A rollout replaces it, or another controller runs it.
  const isOnly = own.length === 1 && own[0]?.generation === lease.generation && !own[0].outdated;
  const isHeld = paused.has(name) || drained.has(name) || restarts.has(name) || !ring.has(name);
  // It is probed before it returns.
  const isEjected = isOut(observed.ejections.get(name));
  const isGrowing = (observed.slowStarts.get(name)?.tenths ?? 10) < 10;
  if (!isOnly || isHeld || isEjected || isGrowing || standbys.has(name) || offered.size > 0) return undefined;
  return lease.idle.since <= before ? lease.idle.since : undefined;
}
