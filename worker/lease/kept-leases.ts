import type { LeaseState } from '#shared/contract/lease.ts';
import type { Log } from '#shared/process/logger.ts';
import type { ReplicaLease } from './replica-lease.ts';

export interface KeptLeasesOptions {
  /** Called when the replica's own lease was renewed. */
  readonly onOwnRenewed: () => void;
  /** Called when another worker has taken this lease, which is no longer renewed. */
  readonly onSuperseded: (lease: ReplicaLease) => void;
  readonly log: Log;
}

interface Kept {
  readonly lease: ReplicaLease;
  state: LeaseState;
  readonly underWay: Set<Promise<boolean>>;
}

const notReplicated =
  'no majority of the Redis servers has the renewal of a lease; no request is started until one has';

const answeredLate =
  'Redis answered the renewal of a lease after its time was over; no request is started until the next one';

/** The leases that a worker holds and renews: its own, and those of the queues that it has adopted. */
export class KeptLeases {
  readonly #options: KeptLeasesOptions;
  readonly #kept = new Map<string, Kept>();

  constructor(options: KeptLeasesOptions) {
    this.#options = options;
  }

  get all(): readonly ReplicaLease[] {
    return [...this.#kept.values()].map(({ lease }) => lease);
  }

  /**
   * Renews a lease from now on. The caller took or renewed it a moment ago. If the lease is kept already,
   * only its state changes.
   */
  keep(lease: ReplicaLease, state: LeaseState): void {
    const kept = this.#kept.get(lease.replica);
    if (kept?.lease.fence === lease.fence) kept.state = state;
    else this.#kept.set(lease.replica, { lease, state, underWay: new Set() });
    if (lease.own) this.#options.onOwnRenewed();
  }

  /** Renews all leases, except those whose last renewal is not answered yet. */
  renewAll(): void {
    for (const kept of this.#kept.values()) {
      if (kept.underWay.size === 0) void this.#renewQuietly(kept);
    }
  }

  /**
   * Renews one lease now, with the state that it has from now on.
   * @returns whether it is still ours.
   * @throws the error with which Redis refuses it.
   */
  async renew(replica: string, state: LeaseState): Promise<boolean> {
    const kept = this.#kept.get(replica);
    if (kept === undefined) return false;
    kept.state = state;
    return this.#renew(kept);
  }

  /** Stops renewing a lease. @returns once no renewal of it is in progress. */
  async release(replica: string): Promise<void> {
    const kept = this.#kept.get(replica);
    this.#kept.delete(replica);
    if (kept !== undefined) await Promise.allSettled(kept.underWay);
  }

  async #renewQuietly(kept: Kept): Promise<void> {
    try {
      await this.#renew(kept);
    } catch (error) {
      this.#options.log.warn({ err: error, lease: kept.lease.replica }, 'a heartbeat failed');
    }
  }

  async #renew(kept: Kept): Promise<boolean> {
    const { lease, state, underWay } = kept;
    const { onOwnRenewed, onSuperseded, log } = this.#options;
    const renewing = lease.renew(state);
    underWay.add(renewing);
    try {
      const ours = await renewing;
      if (ours && lease.own) onOwnRenewed();
      if (ours && !lease.certain)
        log.warn({ lease: lease.replica }, lease.replicated ? answeredLate : notReplicated);
      if (!ours && this.#kept.get(lease.replica) === kept) {
        this.#kept.delete(lease.replica);
        onSuperseded(lease);
      }
      return ours;
    } finally {
      underWay.delete(renewing);
    }
  }
}
