import type { Lease } from '../../contract/lease.ts';
import { script } from './script.ts';

/** The worker that serves a replica's queue, or wants to. */
export interface LeaseHolder {
  readonly replica: string;
  /** The generation of the replica's own worker; 0 for an adopter. */
  readonly generation: number;
  /** The adopter, as `adopterOf` names it; undefined for the replica's own worker. */
  readonly adopter: string | undefined;
}

/** The worker that held a lease before, as far as it matters for the jobs that it was running. */
export interface Predecessor {
  /** The last generation of the replica's own worker; 0 if there was none. */
  readonly generation: number;
  /** Whether ringpost or a shutdown ended it. If so, none of its requests can have killed it. */
  readonly expected: boolean;
}

/** What the taking of a lease gave. */
export interface TakenLease {
  /** Higher each time the lease is taken; writes with a lower one are refused. */
  readonly fence: number;
  readonly predecessor: Predecessor;
}

interface TakeLease {
  readonly holder: LeaseHolder;
  readonly lease: Lease;
  readonly leaseMs: number;
}

/**
 * Takes the lease of a replica. It is `held` if another worker has it, or if an adopter asks while the replica's own
 * worker is on standby; `superseded` if a newer generation has held it.
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

/** Renews a lease, and writes again what Redis may have lost of it. The result is false if another worker took it. */
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

/**
 * Withdraws a consumer's registration for direct delivery. Jobs that were delivered stay. The result is false if it
 * was not registered under this fence.
 */
export const withdrawConsumer = script<{ readonly replica: string; readonly fence: number }, boolean>({
  file: 'withdraw-consumer',
  keys: (keys, { replica }) => [keys.consumer(replica)],
  args: ({ fence }) => [fence],
  decode: (reply) => reply === 1,
});

/** Gives the next generation of a replica to a worker that is about to start. */
export const nextGeneration = script<{ readonly replica: string }, number>({
  file: 'next-generation',
  keys: (keys, { replica }) => [keys.generation(replica), keys.currentGeneration(replica)],
  args: () => [],
  decode: Number,
});
