/**
 * The life of one replica, as the controller sees it.
 *
 *   (nothing) --no worker--> lost --start--> starting --takes jobs--> ready
 *   starting --its worker ended, or it took too long--> lost
 *   ready    --its worker ended, or its lease expired--> lost
 *   ready    --its queue was empty for SLEEP_AFTER_S--> asleep
 *   asleep   --a job for it--> starting
 *   any      --removed--> draining while its worker lives; lost if the worker dies before the queue is empty
 *
 * A replica that has never run begins as `lost` too: what has to be done is the same.
 */
import type { Lease } from '#shared/contract/lease.ts';
import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import type { SleepNote } from '#shared/store/lease/sleep-notes.ts';

/** What is known of one replica now. */
export interface Facts {
  /** Removed by `/rm`: it finishes what it holds. */
  readonly retired: boolean;
  /** The lease of its own running worker, wherever that runs. */
  readonly lease: Lease | undefined;
  /** The worker of another replica that serves its queue. */
  readonly adopter: string | undefined;
  /** A worker of its own was started and waits for the lease to be free. */
  readonly onStandby: boolean;
  /** Whether this controller's driver runs a worker for it. */
  readonly instance: boolean;
  /** Whether a worker for it is being started that the driver does not list yet. */
  readonly starting: boolean;
  /** Why its worker ended, if the driver saw that since the last pass. */
  readonly death: string | undefined;
  /** The generation whose worker is dead, as another controller recorded. */
  readonly ended: number | undefined;
  /** The generation with which it is in the ring. */
  readonly admitted: number | undefined;
  /** The note that it sleeps, while that is respected. */
  readonly sleep: SleepNote | undefined;
  /** Redis was away a moment ago: a missing lease says nothing about its worker. */
  readonly blind: boolean;
}

/** If a replica was ready for longer than this, its failures are counted anew, in ms. */
const stableMs = 1000;

/**
 * @param failures losses in a row.
 * @returns the time in ms to wait before the next start: 0, 1, 2, 4 … 30 s.
 */
export function backoffMs(failures: number): number {
  return failures <= 1 ? 0 : Math.min(30_000, 1000 * 2 ** (failures - 2));
}

/**
 * The transition of one replica's state. Pure.
 * @param previous undefined for a replica that this controller has not seen before.
 * @param now ms since the epoch, in Redis time.
 */
export function nextStatus(
  previous: ReplicaStatus | undefined,
  facts: Facts,
  settings: { readonly startTimeoutMs: number },
  now: number,
): ReplicaStatus {
  const { adopter: _, ...own } = transition(previous, facts, settings, now);
  return facts.adopter === undefined ? own : { ...own, adopter: facts.adopter };
}

function transition(
  previous: ReplicaStatus | undefined,
  facts: Facts,
  settings: { readonly startTimeoutMs: number },
  now: number,
): ReplicaStatus {
  const { lease, instance, starting, death, ended, admitted, retired, blind } = facts;
  if (lease?.state === 'ready') {
    const state = retired ? 'draining' : 'ready';
    const same = previous?.state === state && previous.generation === lease.generation;
    return {
      state,
      since: same ? previous.since : now,
      generation: lease.generation,
      failures: previous?.failures ?? 0,
      ...(previous?.reason === undefined ? {} : { reason: previous.reason }),
    };
  }
  if (facts.sleep !== undefined && sleeps(previous, facts)) {
    const { since, generation } = facts.sleep;
    return { state: 'asleep', since, generation, failures: 0 };
  }
  const coming = lease?.state === 'starting' || (lease === undefined && (instance || starting));
  if (previous === undefined) {
    const fresh = { since: now, lostAt: now, failures: 0 };
    if (coming) return { ...fresh, state: 'starting', generation: lease?.generation ?? 0 };
    // The worker that was in the ring ended while another controller led, or none.
    const dead = ended !== undefined && ended === admitted && !retired;
    if (dead) return { ...fresh, state: 'lost', generation: ended, reason: 'its worker ended', dead };
    return { ...fresh, state: 'lost', generation: lease?.generation ?? 0 };
  }
  switch (previous.state) {
    case 'asleep': {
      if (blind && lease === undefined) return previous;
      const reason = retired ? 'it slept' : 'it slept, and its note is gone';
      // Its worker was told to go, so none has died.
      return { state: 'lost', since: now, lostAt: now, generation: previous.generation, failures: 0, reason };
    }
    case 'ready':
    case 'draining': {
      const certain = death ?? (ended === previous.generation ? 'its worker ended' : undefined);
      if (blind && lease === undefined && certain === undefined) return previous;
      const failures = now - previous.since > stableMs ? 1 : previous.failures + 1;
      const reason = certain ?? (lease?.state === 'leaving' ? 'it leaves' : 'its lease ran out');
      const { generation } = previous;
      return lost({ since: now, lostAt: now, generation, failures, reason }, certain !== undefined, facts);
    }
    case 'starting': {
      // A worker that waits for the last holder of the lease to finish is not late.
      const late = now - previous.since > settings.startTimeoutMs && !facts.onStandby;
      const died = death !== undefined && lease === undefined && !instance;
      if (coming && !late && !died) return previous;
      const reason =
        death ?? (late ? `not ready within ${settings.startTimeoutMs} ms` : 'its worker is gone');
      const { lostAt = now } = previous;
      return { ...previous, state: 'lost', since: now, lostAt, failures: previous.failures + 1, reason };
    }
    case 'lost':
      // A worker took the lease: one on standby, or one that another controller started.
      if (lease?.state === 'starting') return { ...withoutDeath(previous), state: 'starting', since: now };
      // A worker that left, or hung and was killed, has ended by now. If it was never ready, that is no
      // death.
      return lost(previous, previous.dead ?? (death !== undefined && previous.generation > 0), facts);
    default:
      return previous.state satisfies never;
  }
}

/**
 * A replica sleeps by its note, until a worker is started. If that worker fails, the replica is lost like any
 * other.
 */
function sleeps(previous: ReplicaStatus | undefined, { lease, instance, starting }: Facts): boolean {
  const isWoken = lease?.state === 'starting' || instance || starting;
  return !isWoken && previous?.state !== 'starting' && previous?.state !== 'lost';
}

/** A replica that was removed is not replaced, however its worker ends. */
function lost(
  status: Omit<ReplicaStatus, 'state'>,
  dead: boolean,
  { retired, instance }: Facts,
): ReplicaStatus {
  const own = withoutDeath(status);
  return dead && !retired && !instance ? { ...own, state: 'lost', dead } : { ...own, state: 'lost' };
}

/** @returns a status without the death of its worker, for a replica whose next worker is started. */
export function withoutDeath<T extends { readonly dead?: true }>(status: T): Omit<T, 'dead'> {
  const { dead: _, ...rest } = status;
  return rest;
}
