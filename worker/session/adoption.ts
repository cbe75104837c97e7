/**
 * One adopted queue. It goes through these states:
 *
 *   serving --its owner is on standby, it has another heir, or it has been idle for long enough--> yielding
 *   yielding --the held jobs are finished--> released
 *   serving, yielding --another worker has taken the lease, or it cannot be served--> abandoned: released
 */
import type { Logger } from '#shared/process/logger.ts';
import { AdoptionStore } from '#shared/store/lease/adoption-store.ts';
import { expectDeath } from '#shared/store/lease/generations.ts';
import { LeaseStore } from '#shared/store/lease/lease-store.ts';
import { suspectsOf } from '#shared/store/queue/suspect-notes.ts';
import { countsOf } from '#shared/store/ring/cluster-counts.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { IdleWatch } from '../lease/idle-watch.ts';
import type { LeaseKeeper } from '../lease/lease-keeper.ts';
import type { ReplicaLease } from '../lease/replica-lease.ts';
import { QueueSession } from './queue-session.ts';
import type { QueueSessionParts } from './queue-session.ts';

export interface AdoptionOptions {
  readonly connection: Connection;
  /** The lease on the queue, which this worker has taken. */
  readonly lease: ReplicaLease;
  /** Renews it. */
  readonly keeper: LeaseKeeper;
  readonly parts: QueueSessionParts;
  /** Whether this worker's replica has replaced the queue's. If so, this worker runs its suspects too. */
  readonly inherited: boolean;
  /** Called when this worker no longer serves the queue. */
  readonly onReleased: () => void;
  readonly log: Logger;
}

/** The own worker of a removed replica has this time to come back for its suspects, in ms. */
const ownerGraceMs = 10_000;

/** Serves one queue of another replica until its owner or an heir takes over, or nothing is left to do. */
export class Adoption {
  readonly session: QueueSession;
  readonly #options: AdoptionOptions;
  readonly #replica: string;
  readonly #since = performance.now();
  readonly #store: AdoptionStore;
  readonly #leases: LeaseStore;
  readonly #idle: IdleWatch;
  /** Set once the session takes no more jobs; resolves when the lease is released. */
  #ending: Promise<void> | undefined;
  #abandoned = false;
  #released = false;

  constructor(options: AdoptionOptions) {
    const { connection, lease, keeper, parts, inherited, log } = options;
    this.#options = options;
    this.#replica = lease.replica;
    this.#store = new AdoptionStore(connection);
    this.#leases = new LeaseStore(connection);
    this.#idle = new IdleWatch(connection, lease.replica);
    this.session = new QueueSession({
      ...parts,
      lease,
      inherited,
      log: log.child({ adopted: lease.replica }),
      makeCertain: () => keeper.renew(lease, 'adopted'),
      onSuperseded: () => this.#onSuperseded(),
      onStuck: () =>
        this.#onLost('jobs wait in the adopted queue but none is run; it is left to another worker'),
    });
  }

  /** Has the lease renewed, and begins to take jobs. Never rejects: if that fails, the queue is abandoned. */
  async start(): Promise<void> {
    const { connection, lease, keeper, inherited, log } = this.#options;
    keeper.keep(lease, 'adopted', () => this.#onSuperseded());
    countsOf(connection).add('adoptions');
    log.warn({ adopted: this.#replica, inherited }, 'adopted a queue');
    try {
      await this.session.start();
    } catch (error) {
      log.error({ err: error, adopted: this.#replica }, 'an adopted queue cannot be served');
      this.#abandon();
    }
  }

  /** Notes that this worker is told to leave, so that no request of this queue is taken for the cause. */
  expectDeath(graceMs: number): Promise<void> {
    const { connection, lease } = this.#options;
    return expectDeath(connection, this.#replica, lease.predecessor.generation, graceMs);
  }

  /** Checks whether to yield the queue. Call it repeatedly. */
  async check(): Promise<void> {
    const { inherited, log } = this.#options;
    if (this.#ending !== undefined) return;
    const hasOtherHeir = !inherited && (await this.#store.hasHeir(this.#replica));
    const awaited = hasOtherHeir || (await this.#leases.hasStandby(this.#replica));
    const suspects = await leftSuspects(this.#options.connection, this.#replica);
    if (!inherited && !awaited && performance.now() - this.#since > ownerGraceMs)
      await this.session.failSuspects(suspects);
    if (!awaited && !(await this.#idle.isIdleLongEnough(this.session.size + suspects.size))) return;
    this.#ending ??= this.#end(true);
    this.#ending.catch((error: unknown) =>
      log.warn({ err: error, adopted: this.#replica }, 'the lease was not ended; it will expire'),
    );
  }

  /** Takes no more jobs, finishes those that it holds, and releases the lease. */
  yield(): Promise<void> {
    this.#ending ??= this.#end(false);
    return this.#ending;
  }

  /** Releases the queue without finishing the jobs that are held of it. Their signals fire. */
  async leave(): Promise<void> {
    await Promise.all([this.session.leave(), this.yield()]);
  }

  /** @param yields whether this worker goes on, so that nothing that it leaves of the queue has died. */
  async #end(yields: boolean): Promise<void> {
    const { keeper, lease, log } = this.#options;
    await this.session.stop();
    // Streams that the next worker goes on with are left.
    if (yields && !this.#abandoned) await this.expectDeath(0);
    await keeper.release(lease);
    await lease.end();
    this.#release();
    await this.#leases.announce(this.#replica, 'released');
    log.info({ adopted: this.#replica }, 'an adopted queue is released');
  }

  #onSuperseded(): void {
    this.#onLost('another worker serves the adopted queue');
  }

  #onLost(why: string): void {
    this.#options.log.warn({ adopted: this.#replica }, why);
    this.#abandon();
  }

  /** Releases the queue without finishing the jobs that are held of it. */
  #abandon(): void {
    if (this.#released) return;
    this.#abandoned = true;
    Promise.all([this.session.abandon(), this.yield()]).catch((error: unknown) => {
      const fields = { err: error, adopted: this.#replica };
      this.#options.log.warn(fields, 'the lease of an abandoned queue was not ended; it will expire');
      this.#release();
    });
  }

  #release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#options.onReleased();
  }
}

/** @returns the suspects of a replica if it was removed: its own worker may never come back for them. */
export async function leftSuspects(connection: Connection, replica: string): Promise<ReadonlySet<string>> {
  const retired = await new AdoptionStore(connection).isRetired(replica);
  return retired ? suspectsOf(connection, replica) : new Set();
}
