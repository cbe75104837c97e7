import type { AutoscaleView } from '#shared/contract/api/autoscale.ts';
import { isOut } from '#shared/contract/ejection.ts';
import type { JoiningView } from '#shared/contract/joining-view.ts';
import type { Lease } from '#shared/contract/lease.ts';
import type { Ejection } from '#shared/contract/ejection.ts';
import type { ReplicaHold } from '#shared/contract/replica-hold.ts';
import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import type {
  CrashView,
  ReplicaStatusView,
  RetiredReplicaView,
  RingReplicaView,
} from '#shared/contract/ring-view.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { SlowStart } from '#shared/ring/slow-start.ts';
import { CrashNotes } from '#shared/store/lease/crash-notes.ts';
import type { CrashNote } from '#shared/store/lease/crash-notes.ts';
import { LeaseReader } from '#shared/store/lease/lease-reader.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { readHolds } from '#shared/store/ring/holds.ts';
import { HeirStore } from '#shared/store/ring/heir-store.ts';
import { LeaderLease } from '#shared/store/ring/leader-lease.ts';
import { AutoscaleStore } from '#shared/store/ring/autoscale-store.ts';
import { PublishedStatus } from '#shared/store/ring/published-status.ts';
import { JoinStore } from '#shared/store/joins/join-store.ts';
import { joiningView } from './joining-view.ts';
import type { RingState, RingStore } from '#shared/store/ring/ring-store.ts';
import { ejectionText } from '../outliers/ejection-text.ts';

/** What is known of all replicas at one moment. */
export interface RingPicture {
  readonly state: RingState;
  /** The leading controller and its token; null if none leads. */
  readonly leader: string | null;
  /** Why the driver cannot act. */
  readonly trouble: string | null;
  readonly autoscale: AutoscaleView;
  /** Null if replicas do not join by themselves. */
  readonly joining: JoiningView | null;
  /** The lease of each replica whose queue a worker serves. */
  readonly leases: ReadonlyMap<string, Lease>;
  /**
   * @param onlyViews whether the caller may see metadata only.
   * @returns the desired replicas, in the order of `/rep`.
   */
  replicas(onlyViews: boolean): RingReplicaView[];
  /** @returns the replicas that finish what they hold. */
  retired(onlyViews: boolean): RetiredReplicaView[];
}

export interface RingPicturesOptions {
  readonly connection: Connection;
  readonly store: RingStore;
  readonly log: Logger;
}

/** Reads what is known of all replicas, for `/-/ring` and the API. */
export class RingPictures {
  readonly #connection: Connection;
  readonly #status: PublishedStatus;
  readonly #autoscale: AutoscaleStore;
  readonly #leadership: LeaderLease;
  readonly #heirs: HeirStore;
  readonly #joins: JoinStore;
  readonly #leases: LeaseReader;
  readonly #crashNotes: CrashNotes;

  constructor({ connection, store, log }: RingPicturesOptions) {
    this.#connection = connection;
    this.#status = new PublishedStatus(connection, log);
    this.#autoscale = new AutoscaleStore(connection, log);
    this.#leadership = new LeaderLease(connection, log);
    this.#joins = new JoinStore(connection, log);
    this.#heirs = new HeirStore(connection, store, log);
    this.#leases = new LeaseReader(connection);
    this.#crashNotes = new CrashNotes(connection);
  }

  /** Reads all of it in one round trip. */
  async read(state: RingState): Promise<RingPicture> {
    const names = namesIn(state);
    const [published, autoscale, joins, leader, heirs, holds, leases, crashes] = await Promise.all([
      this.#status.read(),
      this.#autoscale.read(),
      this.#joins.read(),
      this.#leadership.holder(),
      this.#heirs.read(),
      readHolds(this.#connection, state),
      this.#leases.readReadable(names),
      this.#crashNotes.readAll(names),
    ]);
    const detailsFor = (onlyViews: boolean): Details => ({
      statusOf: (name) => ({ ...upstreamOf(state, name), ...shownStatus(published.of(name), onlyViews) }),
      holdOf: (name) => holds.get(name) ?? null,
      skewOf: (name) => leases.get(name)?.clockAheadMs ?? null,
      crashOf: (name) => shownCrash(crashes.get(name), onlyViews),
    });
    return {
      state,
      leader: leader ?? null,
      trouble: published.trouble ?? null,
      autoscale,
      joining: joiningView(joins),
      leases,
      replicas: (onlyViews) => desiredReplicas(state, detailsFor(onlyViews)),
      retired: (onlyViews) => retiredReplicas(state, heirs, detailsFor(onlyViews)),
    };
  }
}

/** What is known of the replicas besides the ring itself. */
interface Details {
  readonly statusOf: (name: string) => Omit<ReplicaStatusView, 'name' | 'clockAheadMs' | 'crash'>;
  readonly holdOf: (name: string) => ReplicaHold | null;
  readonly skewOf: (name: string) => number | null;
  readonly crashOf: (name: string) => CrashView | null;
}

/** @returns the replicas that are shown, and those that they replaced. */
function namesIn({ desired, retired }: RingState): string[] {
  const names = desired.flatMap(({ name, replaces }) => (replaces === undefined ? [name] : [name, replaces]));
  return [...new Set([...names, ...retired.keys()])];
}

function desiredReplicas(
  { desired, ring, slowStarts, ejections }: RingState,
  { statusOf, holdOf, skewOf, crashOf }: Details,
): RingReplicaView[] {
  return desired.map(({ name, joined, weight, replaces, joinedBy }) => ({
    name,
    joined,
    weight,
    ...(replaces === undefined ? {} : { replaces }),
    ...(joinedBy === undefined ? {} : { joinedBy }),
    inRing: ring.has(name),
    ...slowStartOf(slowStarts.get(name)),
    hold: holdOf(name),
    ...ejectionOf(ejections.get(name)),
    ...statusOf(name),
    clockAheadMs: skewOf(name),
    // Until it has a crash of its own, that of the replica that it replaced.
    crash: crashOf(name) ?? crashOf(replaces ?? name),
  }));
}

function slowStartOf(slow: SlowStart | undefined): Pick<RingReplicaView, 'slowStart'> {
  if (slow === undefined || slow.tenths === 10) return {};
  const { tenths, endsAt } = slow;
  const all = new Date(endsAt).toISOString();
  const reason = `It came into the ring a while ago: it has ${tenths}0 % of its weight, and all of it at ${all}.`;
  return { slowStart: { share: tenths / 10, endsAt, reason } };
}

function ejectionOf(ejection: Ejection | undefined): Pick<RingReplicaView, 'ejected' | 'ejection'> {
  if (!isOut(ejection)) return { ejected: null };
  const { cause, detail, count, since, until, probe } = ejection;
  return {
    ejected: ejectionText(ejection),
    ejection: { cause, detail, count, since, until, probed: probe !== undefined },
  };
}

function retiredReplicas(
  { retired }: RingState,
  heirs: ReadonlyMap<string, string>,
  { statusOf, skewOf, crashOf }: Details,
): RetiredReplicaView[] {
  return [...retired.keys()].map((name) => {
    const heir = heirs.get(name);
    return {
      name,
      ...(heir === undefined ? {} : { heir }),
      ...statusOf(name),
      clockAheadMs: skewOf(name),
      crash: crashOf(name),
    };
  });
}

/** Nothing without UPSTREAMS. */
function upstreamOf({ upstreams, positions }: RingState, name: string): { upstream?: string | null } {
  if (upstreams.length === 0) return {};
  return { upstream: upstreams[positions.get(name) ?? Infinity] ?? null };
}

/** The reason may contain what the handler wrote. */
function shownStatus(
  status: ReplicaStatus | undefined,
  onlyViews: boolean,
): Omit<ReplicaStatusView, 'name' | 'clockAheadMs' | 'crash'> {
  const { reason, ...others } = status ?? { state: 'desired' as const, reason: undefined };
  return onlyViews || reason === undefined ? others : { ...others, reason };
}

/** The reason and stderr may contain what the handler wrote, and a request's id opens its answer. */
function shownCrash(crash: CrashNote | undefined, onlyViews: boolean): CrashView | null {
  if (crash === undefined || !onlyViews) return crash ?? null;
  const { generation, at } = crash;
  return at === undefined ? { generation } : { generation, at };
}
