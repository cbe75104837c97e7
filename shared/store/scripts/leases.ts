import type { Lease, LeaseHolder, TakenLease } from '../../contract/lease.ts';
import { script } from './script.ts';

interface TakeLease {
  readonly holder: LeaseHolder;
  readonly lease: Lease;
  readonly leaseMs: number;
}

/**
 * Takes the lease of a replica. It is `held` if another worker has it, or if an adopter asks while the
 * replica's own worker is on standby; `superseded` if a newer generation has held it.
 */
export const takeLease = script<TakeLease, TakenLease | 'held' | 'superseded'>({
  file: 'take-lease',
  keys: (keys, { holder: { replica } }) => [
    keys.lease(replica),
    keys.leaseFence(replica),
    keys.currentGeneration(replica),
    keys.standby(replica),
    keys.consumer(replica),
    keys.pardoned(replica),
  ],
  args: ({ holder, lease, leaseMs }, keys) => [
    holder.generation,
    holder.adopter ?? '',
    leaseMs,
    JSON.stringify(lease),
    keys.bullMq(keys.queue(holder.replica), ''),
  ],
  decode: (reply) => {
    const [taken, generation, expected]: readonly unknown[] = Array.isArray(reply) ? reply : [];
    const fence = Number(taken);
    if (fence === 0) return 'held';
    if (fence === -1) return 'superseded';
    return { fence, predecessor: { generation: Number(generation), expected: expected === 1 } };
  },
});

/** Renews a lease, and writes again what Redis may have lost of it. False if another worker took it. */
export const renewLease = script<TakeLease & { readonly fence: number }, boolean>({
  file: 'renew-lease',
  keys: (keys, { holder: { replica } }) => [
    keys.lease(replica),
    keys.leaseFence(replica),
    keys.currentGeneration(replica),
    keys.generation(replica),
  ],
  args: ({ holder, lease, leaseMs, fence }) => [fence, holder.generation, leaseMs, JSON.stringify(lease)],
  decode: (reply) => reply === 1,
});

/** The lease of a worker that has certainly ended, or that leaves by itself. */
interface EndedLease {
  /** The replica whose queue the worker served. */
  readonly replica: string;
  /** The generation of the replica's own worker, or the adopter as the lease names it. */
  readonly holder: number | string;
  /** How long the end is recorded for a leader that has not seen it, in ms; 0: it is not recorded. */
  readonly recordMs: number;
}

/** Ends a lease if that worker still holds it. The result is whether it did. */
export const endLease = script<EndedLease, boolean>({
  file: 'end-lease',
  keys: (keys, { replica }) => [keys.lease(replica), keys.ended(replica)],
  args: ({ holder, recordMs }) =>
    typeof holder === 'number' ? [holder, '', recordMs] : [0, holder, recordMs],
  decode: (reply) => reply === 1,
});

/**
 * Withdraws a consumer's registration for direct delivery. Jobs that were delivered stay. The result is false
 * if it was not registered under this fence.
 */
export const withdrawConsumer = script<{ readonly replica: string; readonly fence: number }, boolean>({
  file: 'withdraw-consumer',
  keys: (keys, { replica }) => [keys.consumer(replica)],
  args: ({ fence }) => [fence],
  decode: (reply) => reply === 1,
});

/** When a replica may be put to sleep. */
export interface SleepTerms {
  /** The generation of its worker. */
  readonly generation: number;
  /** Since when that worker has run nothing, in ms since the epoch. */
  readonly idleSince: number;
  /** For how long nothing must have happened in the queue after that, in ms. */
  readonly quietMs: number;
  /** The least time until the next delayed job is due, in ms. */
  readonly untilDueMs: number;
}

/** Notes that a replica sleeps, if it holds nothing. The result is whether it sleeps. */
export const fallAsleep = script<SleepTerms & { readonly replica: string }, boolean>({
  file: 'fall-asleep',
  keys: (keys, { replica }) => {
    const { wait, active, prioritized, delayed } = keys.unfinished(replica);
    const [, events] = keys.queueState(replica);
    return [
      wait,
      active,
      prioritized,
      delayed,
      keys.bullMq(keys.queue(replica), 'paused'),
      keys.streams(replica),
      keys.suspects(replica),
      events,
      keys.lease(replica),
      keys.standby(replica),
      keys.consumer(replica),
    ];
  },
  args: ({ generation, idleSince, quietMs, untilDueMs }, { changes }) => [
    generation,
    idleSince,
    quietMs,
    untilDueMs,
    changes,
  ],
  decode: (reply) => reply === 1,
});

/** Gives the next generation of a replica to a worker that is about to start. */
export const nextGeneration = script<{ readonly replica: string }, number>({
  file: 'next-generation',
  keys: (keys, { replica }) => [keys.generation(replica), keys.currentGeneration(replica)],
  args: () => [],
  decode: Number,
});
