import type { RingMember, RingParameters } from '../../ring/ring.ts';
import { slowStartText } from '../../ring/slow-start.ts';
import type { SlowStart } from '../../ring/slow-start.ts';
import { fieldsOf } from './read-ring.ts';
import { script } from './script.ts';

/** How a change ended that is made for one version of the ring: `outdated` if another change came first. */
export type RingChange = 'changed' | 'outdated';

/** How a change by the leading controller ended: `deposed` if another controller leads now. */
export type LeaderChange = 'changed' | 'deposed';

/** Sets the ring's parameters if there are none. Returns the JSON of those that stand now. */
export const claimParameters = script<{ parameters: RingParameters }, string | undefined>({
  file: 'claim-parameters',
  keys: ({ parameters }) => [parameters],
  args: ({ parameters }) => [JSON.stringify(parameters)],
  decode: (reply) => {
    const json: unknown = Array.isArray(reply) ? reply[1] : undefined;
    return typeof json === 'string' ? json : undefined;
  },
});

/** Sets the settings of all gateways, unless one stands that differs and must not be replaced. */
export const claimSettings = script<
  { settings: ReadonlyMap<string, string>; replace: boolean },
  ReadonlyMap<string, string>
>({
  file: 'claim-settings',
  keys: ({ settings }) => [settings],
  args: ({ settings, replace }, { changes }) => [changes, replace ? 1 : 0, ...[...settings].flat()],
  decode: (reply) => new Map(fieldsOf(reply)),
});

/** How many removed replicas are kept from joining by themselves: the last ones. */
export const maxTombstones = 5000;

/** A change of the desired replicas. */
export interface DesiredCall {
  readonly version: number;
  readonly now: number;
  readonly joined: number;
  readonly add: readonly RingMember[];
  readonly positions: ReadonlyMap<string, number>;
  readonly remove: readonly string[];
  /** Who stops autoscaling with it, as JSON. */
  readonly stop?: string | undefined;
  /** The leading controller's token, if a controller makes the change. */
  readonly token?: string | undefined;
  /** What autoscaling notes if it makes the change. */
  readonly note?: string;
  /** Whether removed replicas may not join by themselves. */
  readonly buries?: boolean;
}

/**
 * Adds and removes desired replicas, if the ring is still at `version`. A change by a controller is refused
 * if another one leads, and one by autoscaling if that is stopped.
 */
export const changeDesired = script<DesiredCall, RingChange | 'refused'>({
  file: 'change-desired',
  keys: (keys) => [
    keys.version,
    keys.desired,
    keys.ring,
    keys.retired,
    keys.joined,
    keys.upstreamPositions,
    keys.drained,
    keys.restarts,
    keys.slowStarts,
    keys.autoscale,
    keys.leader,
    keys.ejections,
    keys.joining,
    keys.tombstones,
  ],
  args: ({ version, now, joined, add, positions, remove, stop, token, note, buries }, { changes }) => [
    version,
    now,
    changes,
    joined,
    add.length,
    positions.size,
    stop ?? '',
    token ?? '',
    note ?? '',
    buries === true ? maxTombstones : 0,
    ...add.flatMap((member) => [member.name, JSON.stringify(member)]),
    ...[...positions].flat(),
    ...remove,
  ],
  decode: (reply) => (reply === -2 ? 'outdated' : reply === -1 ? 'refused' : 'changed'),
});

/** Replaces a dead replica by a new one, which inherits its queue, if the ring is still at `version`. */
export const replaceReplica = script<
  { token: string; version: number; now: number; dead: string; member: RingMember },
  RingChange | LeaderChange
>({
  file: 'replace-replica',
  keys: (keys) => [
    keys.version,
    keys.desired,
    keys.ring,
    keys.retired,
    keys.joined,
    keys.heirs,
    keys.leader,
    keys.upstreamPositions,
    keys.drained,
    keys.restarts,
    keys.slowStarts,
    keys.ejections,
  ],
  args: ({ token, version, now, dead, member }, { changes }) => [
    token,
    version,
    now,
    changes,
    dead,
    member.name,
    JSON.stringify(member),
    member.joined,
  ],
  decode: (reply) => (reply === -1 ? 'deposed' : reply === -2 ? 'outdated' : 'changed'),
});

/** Something that an operator asks of a replica; the empty value ends it. */
export interface Wish {
  readonly kind: 'drain' | 'restart' | 'ejection';
  readonly name: string;
  readonly value: string;
}

/** Changes what operators ask of replicas, if the ring is still at `version`. */
export const changeWishes = script<{ version: number; wishes: readonly Wish[] }, RingChange>({
  file: 'change-wishes',
  keys: ({ version, drained, restarts, ejections }) => [version, drained, restarts, ejections],
  args: ({ version, wishes }, { changes }) => [
    version,
    changes,
    ...wishes.flatMap(({ kind, name, value }) => [kind, name, value]),
  ],
  decode: (reply) => (reply === -2 ? 'outdated' : 'changed'),
});

/** Ends the wish for a restart that has been fulfilled. The result is false if there is another wish. */
export const endRestart = script<{ token: string; replica: string; wish: string }, boolean>({
  file: 'end-restart',
  keys: ({ restarts, leader, version }) => [restarts, leader, version],
  args: ({ token, replica, wish }, { changes }) => [token, changes, replica, wish],
  decode: (reply) => reply === 1,
});

/** A replica that is added to the ring. */
export interface Admission {
  readonly name: string;
  readonly generation: number;
  /** How much of its weight it has; unset: all of it. A replica in the ring keeps what it has. */
  readonly slowStart?: SlowStart;
}

/** Admits replicas to the ring and evicts others. A replica that is not desired is not admitted. */
export const changeRing = script<
  {
    token: string;
    admit: readonly Admission[];
    evict: readonly string[];
  },
  LeaderChange
>({
  file: 'change-ring',
  keys: ({ version, desired, ring, leader, slowStarts }) => [version, desired, ring, leader, slowStarts],
  args: ({ token, admit, evict }, { changes }) => [
    token,
    changes,
    admit.length,
    ...admit.flatMap(({ name, generation, slowStart }) => [
      name,
      generation,
      slowStart === undefined ? '' : slowStartText(slowStart),
    ]),
    ...evict,
  ],
  decode: (reply) => (reply === -2 ? 'deposed' : 'changed'),
});

/** Offers queues for adoption by live workers, and withdraws others. */
export const changeOffers = script<
  { token: string; offer: readonly string[]; withdraw: readonly string[] },
  LeaderChange
>({
  file: 'change-offers',
  keys: ({ offered, leader }) => [offered, leader],
  args: ({ token, offer, withdraw }) => [token, offer.length, ...offer, ...withdraw],
  decode: (reply) => (reply === -2 ? 'deposed' : 'changed'),
});

/**
 * Deletes what is left of a retired replica. Returns false, and deletes nothing, if its queue is not empty.
 */
export const forget = script<{ replica: string; generationTtlMs: number }, boolean>({
  file: 'forget',
  keys: (keys, { replica }) => {
    const { wait, active, prioritized, delayed } = keys.unfinished(replica);
    return [
      wait,
      active,
      prioritized,
      delayed,
      keys.generation(replica),
      keys.currentGeneration(replica),
      keys.leaseFence(replica),
      keys.suspects(replica),
      keys.streams(replica),
      ...keys.queueState(replica),
      keys.consumer(replica),
    ];
  },
  args: ({ generationTtlMs }) => [generationTtlMs],
  decode: (reply) => reply === 1,
});

/** Ends the retirement of a replica of which nothing is left, and frees its position in UPSTREAMS. */
export const endRetirement = script<{ replica: string }, void>({
  file: 'end-retirement',
  keys: ({ retired, desired, upstreamPositions }) => [retired, desired, upstreamPositions],
  args: ({ replica }) => [replica],
  decode: () => undefined,
});
