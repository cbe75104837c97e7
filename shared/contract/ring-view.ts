import type { AutoscaleView } from './api/autoscale.ts';
import type { EjectionCause } from './ejection.ts';
import type { JoiningView } from './joining-view.ts';
import type { ReplicaHold } from './replica-hold.ts';
import type { ReplicaState } from './replica-status.ts';

/** The answer to `GET /-/ring`. Times are in ms since the epoch. */
export interface RingView {
  readonly version: number;
  /** The ring's strategy and its numbers. */
  readonly parameters: { readonly strategy: string; readonly [name: string]: unknown };
  /** The name of the leading controller. */
  readonly leader: string | null;
  /** Why the driver cannot act. */
  readonly trouble: string | null;
  /** How far the gateway's clock is ahead of Redis time, in ms. */
  readonly clockAheadMs: number;
  readonly replicas: readonly RingReplicaView[];
  readonly retired: readonly RetiredReplicaView[];
  /** Null if the leading controller has no AUTOSCALE; a gateway of an earlier release does not say. */
  readonly autoscale?: AutoscaleView | null;
  /** Null if replicas do not join by themselves; a gateway of an earlier release does not say. */
  readonly joining?: JoiningView | null;
  /** Why the key that was asked about is where it is; null if the ring is empty. */
  readonly key?: KeyView | null;
}

/** What the leading controller knows about a replica; `desired` if that is nothing yet. */
export interface ReplicaStatusView {
  readonly name: string;
  readonly state: ReplicaState | 'desired';
  readonly since?: number;
  readonly generation?: number;
  readonly failures?: number;
  readonly adopter?: string;
  /** Its server of `UPSTREAMS`; null if it has none yet. */
  readonly upstream?: string | null;
  /** Why it was lost last. */
  readonly reason?: string;
  readonly clockAheadMs: number | null;
  readonly crash: CrashView | null;
}

export interface RingReplicaView extends ReplicaStatusView {
  readonly joined: number;
  readonly weight: number;
  readonly inRing: boolean;
  /** Left out if it has all of its weight. */
  readonly slowStart?: SlowStartView;
  /** What an operator asked for; a gateway of an earlier release does not say. */
  readonly hold?: ReplicaHold | null;
  /** Until when and why outlier detection keeps it out of the ring, in words. */
  readonly ejected?: string | null;
  /** The same for programs; left out if it is not ejected. */
  readonly ejection?: EjectionView;
  readonly replaces?: string;
  /** Set if it joined by itself, when its worker announced itself. */
  readonly joinedBy?: 'worker';
}

/** A replica that came into the ring a while ago, and has a part of its weight. */
export interface SlowStartView {
  /** From 0.1 to 0.9. */
  readonly share: number;
  /** When it is to have all of its weight. */
  readonly endsAt: number;
  /** In words. */
  readonly reason: string;
}

/** Why outlier detection keeps a replica out of the ring. */
export interface EjectionView {
  readonly cause: EjectionCause;
  /** In words, e.g. `7 consecutive 5xx`. */
  readonly detail: string;
  /** How often in a row it was ejected. */
  readonly count: number;
  readonly since: number;
  /** When a probe may end it. */
  readonly until: number;
  /** Whether a probe was sent. */
  readonly probed: boolean;
}

export interface RetiredReplicaView extends ReplicaStatusView {
  readonly heir?: string;
}

/** The last crash of a replica's worker. */
export interface CrashView {
  readonly generation: number;
  readonly at?: number;
  readonly reason?: string;
  /** The last lines of its stderr. */
  readonly stderr?: readonly string[];
  /** Ids of the requests that it was running. */
  readonly requests?: readonly string[];
}

/** Why a key belongs to its owner. */
export interface KeyView {
  readonly key: string;
  readonly position: number;
  readonly owner: string;
  readonly virtualNode: { readonly name: string; readonly index: number; readonly position: number };
  /** The owner, then the replica that would own the key if the owner left, and so on. */
  readonly successors: readonly string[];
  /** Where its requests go if they may spill. A gateway of an earlier release does not say. */
  readonly loads?: KeyLoadsView;
  /** Its requests that are limited in number and have not ended; left out if there are none. */
  readonly requests?: { readonly running: number; readonly waiting: number };
}

/** How the loads decide where the requests of a key go. */
export interface KeyLoadsView {
  /** `AFFINITY` of the gateway that answers. */
  readonly affinity: 'strict' | 'loose';
  /** Its `LOAD_BOUND`. */
  readonly bound: number;
  /** The load of all replicas of the ring together. */
  readonly load: number;
  /** The replica that gets a request with `Ringpost-Affinity: loose` now. */
  readonly takenBy: string;
  /** In the order in which they are asked. */
  readonly candidates: readonly LoadCandidateView[];
}

/** A replica that may get a request. */
export interface LoadCandidateView {
  readonly name: string;
  /** Its weight now: only a part of it during a slow start. */
  readonly weight: number;
  /** How many requests its worker runs at once. */
  readonly concurrency: number;
  /** The requests that wait and run there. */
  readonly load: number;
  /** The load from which on it is passed over. */
  readonly cap: number;
  readonly outcome: 'taken' | 'passed' | 'not asked';
  /** In words. */
  readonly why: string;
}
