import type { AutoscaleView } from '#shared/contract/api/autoscale.ts';
import type { DepthsView, ReplicaHold } from '#shared/contract/api/replicas.ts';
import type { TroubleView } from '#shared/contract/api/overview.ts';
import type { JoiningView } from '#shared/contract/joining-view.ts';
import type { GatewayReport } from '#shared/contract/gateway-report.ts';
import type { RetiredReplicaView, RingReplicaView } from '#shared/contract/ring-view.ts';
import type { RedisHealth } from '#shared/store/redis/redis-report.ts';
import { autoscaleTroubles } from './autoscale-troubles.ts';
import { joinTroubles, lostJoinedAdvice } from './join-troubles.ts';
import { duration, sentence } from './phrases.ts';
import { redisTroubles } from './redis-troubles.ts';
import { lostTrouble, startingTrouble } from './replica-troubles.ts';

/** What an overview knows of a replica. */
export interface WatchedReplica {
  readonly name: string;
  readonly oldestMs: number | null;
  readonly depths: DepthsView;
  /** What an operator asked for. */
  readonly hold: ReplicaHold | null;
  /** 99th percentile of the delay of its worker's event loop, in ms; null if that is not known. */
  readonly eventLoopLagMs: number | null;
  /** Release of its worker; null if that is not known. */
  readonly version: string | null;
}

/** What can be in trouble, at one moment. All times are in ms, in Redis time. */
export interface Watched {
  readonly now: number;
  readonly leader: string | null;
  /** Why the driver cannot act. */
  readonly driverTrouble: string | null;
  /** A test may leave it out. */
  readonly autoscale?: AutoscaleView;
  /** Null, or left out, if replicas do not join by themselves. */
  readonly joining?: JoiningView | null;
  readonly replicas: readonly (RingReplicaView & WatchedReplica)[];
  readonly retired: readonly (RetiredReplicaView & WatchedReplica)[];
  readonly deadLetters: number;
  /** Callbacks that have failed and are sent again, and those that are not sent any more. */
  readonly callbacks: { readonly retrying: number; readonly undelivered: number };
  readonly gateways: readonly GatewayReport[];
  /** How far the clock of this gateway is ahead of Redis time. */
  readonly clockAheadMs: number;
  /** Why this gateway takes no requests; undefined if it does. */
  readonly refusal: string | undefined;
  /** Undefined if it is not known. */
  readonly redis: RedisHealth | undefined;
  /** How long a worker may take to start. */
  readonly startTimeoutMs: number;
}

/** A request that has waited for longer than this, in ms, is worth a look. */
const longWaitMs = 10_000;
/** A delay of the event loop that is worth a look, in ms: of a gateway, and of a worker that computes. */
const gatewayLagMs = 200;
const workerLagMs = 1000;
/** A clock that is off by more makes times in logs wrong by as much, in ms. */
const maxSkewMs = 1000;

const ranks: Readonly<Record<TroubleView['level'], number>> = { error: 0, warning: 1, notice: 2 };

/**
 * @param onlyViews leaves out reasons, which may contain what a handler wrote.
 * @returns what an operator should know or do, the worst first.
 */
export function troublesOf(watched: Watched, onlyViews: boolean): TroubleView[] {
  const troubles = [
    ...systemTroubles(watched),
    ...autoscaleTroubles(watched.autoscale),
    ...joinTroubles(watched.joining),
    ...redisTroubles(watched.redis),
    ...watched.replicas.flatMap((replica) => replicaTroubles(replica, watched, onlyViews)),
    ...watched.retired.flatMap((replica) => retiredTroubles(replica, watched, onlyViews)),
    ...gatewayTroubles(watched),
    ...callbackTroubles(watched),
    ...deadLetterTroubles(watched),
  ];
  return troubles.toSorted((a, b) => ranks[a.level] - ranks[b.level]);
}

function systemTroubles({ leader, driverTrouble, replicas, refusal, joining }: Watched): TroubleView[] {
  const troubles: TroubleView[] = [];
  if (refusal !== undefined)
    troubles.push({
      level: 'error',
      code: 'settings_differ',
      text: `This gateway takes no requests: ${refusal}`,
      advice: 'Start all gateways with the same settings.',
    });
  if (replicas.length === 0)
    troubles.push({
      level: 'error',
      code: 'no_replicas',
      text: 'There are no replicas, so each request gets 503.',
      advice: joining
        ? 'Start workers with REPLICA_JOIN=auto: each adds its replica.'
        : 'Add one: ringpost add.',
    });
  else if (!replicas.some(({ inRing }) => inRing))
    troubles.push({
      level: 'error',
      code: 'ring_empty',
      text: 'No replica is in the ring, so each request gets 503.',
      advice: 'See why the replicas are not ready.',
    });
  if (leader === null)
    troubles.push({
      level: 'error',
      code: 'no_leader',
      text: 'No controller leads, so lost replicas are not replaced.',
      advice: 'Start a process with ROLE=controller or ROLE=all, and see its log.',
    });
  if (driverTrouble !== null)
    troubles.push({
      level: 'error',
      code: 'driver_trouble',
      text: sentence(`Workers can be neither started nor ended: ${driverTrouble}`),
      advice: 'See the log of the controller.',
    });
  return troubles;
}

function replicaTroubles(
  replica: RingReplicaView & WatchedReplica,
  watched: Watched,
  onlyViews: boolean,
): TroubleView[] {
  const { state } = replica;
  const troubles: TroubleView[] = [];
  if (state === 'lost') {
    const trouble = lostTrouble(replica, watched.now, onlyViews);
    troubles.push({ ...trouble, ...lostJoinedAdvice(replica, watched.joining) });
  }
  if (state === 'starting') {
    const late = startingTrouble(replica, watched.now, watched.startTimeoutMs, onlyViews);
    if (late !== undefined) troubles.push(late);
  }
  return [...troubles, ...ejectedTroubles(replica), ...heldTroubles(replica), ...workerTroubles(replica)];
}

function retiredTroubles(
  replica: RetiredReplicaView & WatchedReplica,
  { now }: Watched,
  onlyViews: boolean,
): TroubleView[] {
  const isLost = replica.state === 'lost' && replica.adopter === undefined;
  const { waiting, active, streams, delayed, prioritized } = replica.depths;
  const held = waiting + active + streams + delayed + prioritized;
  return isLost && held > 0
    ? [{ ...lostTrouble(replica, now, onlyViews), advice: 'A live worker adopts its requests.' }]
    : [];
}

function ejectedTroubles({ name, ejected = null }: RingReplicaView): TroubleView[] {
  if (ejected === null) return [];
  return [
    {
      level: 'warning',
      code: 'replica_ejected',
      text: sentence(`${name} is ${ejected}`),
      advice: `A probe brings it back; ringpost resume ${name} does so at once.`,
      replica: name,
    },
  ];
}

/** What an operator, or another program, holds up. */
function heldTroubles({ name, hold }: WatchedReplica): TroubleView[] {
  if (hold === 'drained')
    return [
      {
        level: 'notice',
        code: 'replica_drained',
        text: `${name} is drained: it is out of the ring until it is resumed.`,
        advice: `Resume it: ringpost resume ${name}.`,
        replica: name,
      },
    ];
  if (hold === 'paused')
    return [
      {
        level: 'notice',
        code: 'replica_paused',
        text: `${name} is paused: its requests wait.`,
        advice: `Resume it: ringpost resume ${name}.`,
        replica: name,
      },
    ];
  return [];
}

function workerTroubles(replica: WatchedReplica & { readonly clockAheadMs: number | null }): TroubleView[] {
  const { name, oldestMs, eventLoopLagMs, clockAheadMs, hold } = replica;
  const troubles: TroubleView[] = [];
  if (oldestMs !== null && oldestMs > longWaitMs && hold === null)
    troubles.push({
      level: 'warning',
      code: 'oldest_waits',
      text: `The oldest request of ${name} has waited for ${duration(oldestMs)}.`,
      advice: 'Its handler is slow or stuck, or the replica gets more than it can run.',
      replica: name,
    });
  if (eventLoopLagMs !== null && eventLoopLagMs > workerLagMs)
    troubles.push({
      level: 'warning',
      code: 'worker_lag',
      text: `The handler of ${name} blocks its event loop for up to ${duration(eventLoopLagMs)}.`,
      advice: 'Compute in a worker thread, or in smaller steps.',
      replica: name,
    });
  if (clockAheadMs !== null && Math.abs(clockAheadMs) > maxSkewMs)
    troubles.push({ ...skew(`the host of ${name}`, clockAheadMs), replica: name });
  return troubles;
}

function gatewayTroubles({ gateways, clockAheadMs, replicas }: Watched): TroubleView[] {
  const troubles: TroubleView[] = gateways.flatMap(({ name, eventLoopLagMs }) =>
    eventLoopLagMs > gatewayLagMs
      ? [
          {
            level: 'warning',
            code: 'gateway_lag',
            text: `The event loop of ${name} is late by up to ${duration(eventLoopLagMs)}.`,
            advice: 'It has too much to do, or its host has: add a gateway.',
          },
        ]
      : [],
  );
  if (Math.abs(clockAheadMs) > maxSkewMs) troubles.push(skew('the host of this gateway', clockAheadMs));
  const versions = new Set([
    ...gateways.map(({ version }) => version),
    ...replicas.flatMap(({ version }) => version ?? []),
  ]);
  if (versions.size > 1)
    troubles.push({
      level: 'notice',
      code: 'versions_differ',
      text: `Releases ${[...versions].toSorted().join(' and ')} run side by side.`,
      advice: 'That is fine during an upgrade; finish it.',
    });
  return troubles;
}

function callbackTroubles({ callbacks: { retrying, undelivered } }: Watched): TroubleView[] {
  const troubles: TroubleView[] = [];
  if (retrying > 0)
    troubles.push({
      level: 'warning',
      code: 'callbacks_failing',
      text: `${retrying === 1 ? 'A callback has' : `${retrying} callbacks have`} failed and will be sent again.`,
      advice: 'See what their receivers answer.',
    });
  if (undelivered > 0)
    troubles.push({
      level: 'notice',
      code: 'callbacks_undelivered',
      text: `${undelivered === 1 ? 'A callback was' : `${undelivered} callbacks were`} never delivered.`,
      advice: 'See what their receivers answered.',
    });
  return troubles;
}

function deadLetterTroubles({ deadLetters }: Watched): TroubleView[] {
  if (deadLetters === 0) return [];
  return [
    {
      level: 'notice',
      code: 'dead_letters',
      text:
        deadLetters === 1
          ? 'A request has failed for good and is a dead letter.'
          : `${deadLetters} requests have failed for good and are dead letters.`,
      advice: 'See why, and redrive or delete them: ringpost dlq ls.',
    },
  ];
}

function skew(where: string, clockAheadMs: number): TroubleView {
  const off = duration(Math.abs(clockAheadMs));
  return {
    level: 'warning',
    code: 'clock_skew',
    text: `The clock of ${where} is ${off} ${clockAheadMs > 0 ? 'ahead of' : 'behind'} Redis's.`,
    advice: 'Synchronise both with NTP; times in logs and in handlers are off by as much.',
  };
}
