/** Which replicas join and leave with their workers (`REPLICA_JOIN=auto`). Pure. */
import type { Announced } from '#shared/contract/joining.ts';
import { nameFault } from '#shared/contract/reserved-names.ts';
import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import type { Announcements } from '#shared/store/joins/join-store.ts';
import type { ObservedReplicas } from '#shared/store/ring/replica-observer.ts';
import type { DesiredChange, RingState } from '#shared/store/ring/ring-store.ts';
import { AdminError, planAdd } from '../ring/replica-changes.ts';
import type { AddLimits } from '../ring/replica-changes.ts';

/** What a pass of the controller has observed, as far as joining depends on it. */
export type ObservedForJoins = RingState &
  Pick<ObservedReplicas, 'paused' | 'standbys'> & { readonly blind: boolean };

/** A replica that leaves, and why. */
export interface Leaving {
  readonly name: string;
  readonly cause: string;
  /** Whether its worker was told to go, and did not just vanish. */
  readonly orderly: boolean;
}

export interface JoinSteps {
  /** The names of the undesired replicas whose workers have announced themselves, in their order. */
  readonly join: readonly string[];
  readonly leave: readonly Leaving[];
  /** The departures that are over, or that have no effect. */
  readonly departed: readonly Announced[];
}

export interface JoinInput {
  readonly observed: ObservedForJoins;
  readonly memory: ReadonlyMap<string, ReplicaStatus>;
  readonly announcements: Announcements;
  /** Time in ms for which a replica without a worker stays desired. */
  readonly leaveAfterMs: number;
  /** In ms since the epoch, in Redis time. */
  readonly now: number;
}

/** @returns who wants to join, and who has to leave. */
export function joinSteps(input: JoinInput): JoinSteps {
  const { observed, announcements } = input;
  const announced = new Set(announcements.announced.map(({ name }) => name));
  const desired = new Set(observed.desired.map(({ name }) => name));
  const following = followersOf(observed);
  const leave = new Map<string, Leaving>();
  const departed: Announced[] = [];
  for (const worker of announcements.departing) {
    const { name } = worker;
    // Another worker of the replica is there, or it is a replica that an operator has added.
    if (announced.has(name) || !following.has(name)) departed.push(worker);
    // It would run what is to wait. It leaves once it is resumed.
    else if (!observed.paused.has(name)) leave.set(name, { name, cause: 'its worker leaves', orderly: true });
  }
  for (const name of following)
    if (!announced.has(name) && !leave.has(name) && isGone(name, input)) {
      const cause = `it has had no worker for more than ${input.leaveAfterMs / 1000} s`;
      leave.set(name, { name, cause, orderly: false });
    }
  const join = [...announced].filter((name) => !desired.has(name)).toSorted(byNumber);
  return { join, leave: [...leave.values()], departed };
}

/** @returns the names of the replicas that are desired while they have workers. */
function followersOf({ desired }: Pick<RingState, 'desired'>): ReadonlySet<string> {
  return new Set(desired.flatMap(({ name, joinedBy }) => (joinedBy === 'worker' ? [name] : [])));
}

/** @returns whether a replica has had no worker for too long. The keys of a paused one wait for it. */
function isGone(name: string, { observed, memory, leaveAfterMs, now }: JoinInput): boolean {
  const status = memory.get(name);
  const { blind, paused, standbys } = observed;
  if (blind || paused.has(name) || standbys.has(name)) return false;
  return status?.state === 'lost' && now - (status.lostAt ?? now) > leaveAfterMs;
}

/** Orders `w2` before `w10`, so that replicas join in the same order everywhere. */
function byNumber(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true }) || (a < b ? -1 : 1);
}

/** What becomes of the replicas that want to join. */
export interface JoinPlan {
  /** Undefined if nothing changes. */
  readonly change: DesiredChange | undefined;
  /** Those that may not join, with the reasons. */
  readonly refused: ReadonlyMap<string, string>;
}

/**
 * Plans the change for a state of the ring, in which others may have changed something meanwhile.
 * @param tombstones the replicas that operators have removed, with the time in ms since the epoch.
 */
export function planJoins(
  state: RingState,
  { join, leave }: Pick<JoinSteps, 'join' | 'leave'>,
  tombstones: ReadonlyMap<string, number>,
  limits: AddLimits,
): JoinPlan {
  const following = followersOf(state);
  const remove = leave.flatMap(({ name }) => (following.has(name) ? [name] : []));
  const after: RingState = {
    ...state,
    desired: state.desired.filter(({ name }) => !remove.includes(name)),
    // They finish what they hold, and keep their servers of UPSTREAMS until then.
    retired: new Map([...state.retired, ...remove.map((name) => [name, 0] as const)]),
  };
  const refused = new Map<string, string>();
  const accepted: string[] = [];
  const desired = new Set(state.desired.map(({ name }) => name));
  for (const name of join) {
    if (desired.has(name)) continue;
    const others = after.desired.length + accepted.length;
    const reason = refusalOf(name, others, tombstones, limits);
    if (reason === undefined) accepted.push(name);
    else refused.set(name, reason);
  }
  const added = placed(after, accepted, limits, refused);
  if (added === undefined && remove.length === 0) return { change: undefined, refused };
  return { change: { add: [], ...added, remove }, refused };
}

/** @param others how many replicas there are without it. */
function refusalOf(
  name: string,
  others: number,
  tombstones: ReadonlyMap<string, number>,
  { maxReplicas, containers }: AddLimits,
): string | undefined {
  const removedAt = tombstones.get(name);
  if (removedAt !== undefined)
    return `it was removed by /rm at ${new Date(removedAt).toISOString()}; /add lets it in again`;
  const fault = nameFault(name, containers);
  if (fault !== undefined) return `the name ${fault}; choose another one`;
  return others >= maxReplicas ? `MAX_REPLICAS is ${maxReplicas}, and there are as many replicas` : undefined;
}

/**
 * @param refused gets those for which the ring, or UPSTREAMS, has no room.
 * @returns the places of all others; undefined if there are none.
 */
function placed(
  state: RingState,
  names: readonly string[],
  limits: AddLimits,
  refused: Map<string, string>,
): Pick<DesiredChange, 'add' | 'positions'> | undefined {
  for (let count = names.length; count > 0; count -= 1) {
    const hostnames = names.slice(0, count);
    try {
      const { add, positions } = planAdd(state, { n: count, hostnames }, limits, () => '');
      const members = add.map((member) => ({ ...member, joinedBy: 'worker' as const }));
      return { add: members, ...(positions === undefined ? {} : { positions }) };
    } catch (error) {
      if (!(error instanceof AdminError)) throw error;
      const { length } = state.upstreams;
      const lists = `UPSTREAMS lists ${length} servers, and other replicas use them`;
      refused.set(names[count - 1] ?? '', length === 0 ? 'the ring has no room for it' : lists);
    }
  }
  return undefined;
}
