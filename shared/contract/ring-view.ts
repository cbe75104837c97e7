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
  /** What an operator asked for; a gateway of an earlier release does not say. */
  readonly hold?: ReplicaHold | null;
  /** Until when and why outlier detection keeps it out of the ring, in words. */
  readonly ejected?: string | null;
  readonly replaces?: string;
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
}
