import type { ReplicaHold } from '../replica-hold.ts';
import type { RetiredReplicaView, RingReplicaView } from '../ring-view.ts';

export type { ReplicaHold } from '../replica-hold.ts';

/** Percentiles in ms of what ended in an interval; null if nothing did. */
export interface PercentilesView {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** What the queue of a replica holds. */
export interface DepthsView {
  readonly waiting: number;
  readonly active: number;
  /** Requests whose answers are streams, from the head to the end. They are not active. */
  readonly streams: number;
  readonly delayed: number;
  readonly prioritized: number;
}

/** What a worker says about itself in its heartbeat. */
export interface WorkerNumbersView {
  readonly version: string;
  readonly pid: number;
  readonly host: string;
  /** When its process started, in ms since the epoch. */
  readonly since: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
  /** 99th percentile of the delay of its event loop since the heartbeat before. */
  readonly eventLoopLagMs: number;
}

/** The numbers of a replica that are read beside its state. Rates are those of the last sample. */
export interface ReplicaNumbersView {
  /** Its part of the ring, from 0 to 1. */
  readonly share: number;
  readonly depths: DepthsView;
  /** The requests that wait and run there. Those that are not due yet, and streams, do not count. */
  readonly load: number;
  /** The load from which on requests that may spill pass it over; null if it is not in the ring. */
  readonly cap: number | null;
  /** How long the oldest waiting request has waited, in ms; null if none waits. */
  readonly oldestMs: number | null;
  readonly requestsPerS: number;
  readonly failuresPerS: number;
  /** Requests that it got because the owner of their key was overloaded. */
  readonly spilledInPerS: number;
  /** Requests that others got because it was overloaded. */
  readonly spilledOutPerS: number;
  readonly waitMs: PercentilesView | null;
  readonly serviceMs: PercentilesView | null;
  /** Time until its lease ends, in ms; null without one. */
  readonly leaseMs: number | null;
  /** Null until its worker has reported. */
  readonly worker: WorkerNumbersView | null;
  /** What an operator asked for. */
  readonly hold: ReplicaHold | null;
}

export type ApiReplicaView = RingReplicaView & ReplicaNumbersView;
export type ApiRetiredReplicaView = RetiredReplicaView & ReplicaNumbersView;

/** The answer to `GET /-/api/replicas`. */
export interface ApiReplicasView {
  readonly replicas: readonly ApiReplicaView[];
  readonly retired: readonly ApiRetiredReplicaView[];
}

/** The answer to `GET /-/api/replicas/<name>`. An unknown name is 404. */
export type ApiReplicaAnswer = ApiReplicaView | ApiRetiredReplicaView;

/** The answer (202) to `POST /-/api/replicas/<name>/drain|restart|pause|resume` and `POST /-/api/restart`. */
export interface ReplicaActionView {
  /** The replicas that the action concerns, in the order in which it reaches them. */
  readonly replicas: readonly string[];
  readonly hold: ReplicaHold | null;
}

/** The answer to `PUT /-/api/replicas/<name>/weight`. */
export interface ReplicaWeightView {
  readonly replicas: readonly string[];
  readonly weight: number;
}
