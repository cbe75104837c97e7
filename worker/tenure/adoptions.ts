/**
 * The queues that this worker has adopted. Each goes through these states:
 *
 *   offered or inherited --its lease is free: taken--> adopted
 *   adopted --its owner is on standby, it has another heir, or it has been idle for long enough--> yielding
 *   yielding --the held jobs are finished--> released
 *   adopted, yielding --another worker has taken the lease, or it cannot be served--> abandoned: released
 */
import { adopterOf } from '#shared/contract/lease.ts';
import type { StartStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { periodically } from '#shared/process/periodically.ts';
import { AdoptionStore } from '#shared/store/lease/adoption-store.ts';
import { expectDeath } from '#shared/store/lease/generations.ts';
import { LeaseStore } from '#shared/store/lease/lease-store.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { WorkerRepair } from '#shared/store/repair/worker-repair.ts';
import { countUnfinished } from '#shared/store/queue/replica-queue.ts';
import { suspectsOf } from '#shared/store/queue/suspect-notes.ts';
import { IdleWatch } from '../lease/idle-watch.ts';
import type { LeaseKeeper } from '../lease/lease-keeper.ts';
import { ReplicaLease } from '../lease/replica-lease.ts';
import { QueueSession } from './queue-session.ts';
import type { QueueSessionParts } from './queue-session.ts';
import type { ServedQueues } from './served-queues.ts';

export interface AdoptionsOptions {
  readonly connection: Connection;
  /** This worker's own replica and generation. */
  readonly replica: string;
  readonly generation: number;
  /** The TTL in ms of the leases on adopted queues. */
  readonly leaseMs: number;
  /** Renews them. */
  readonly keeper: LeaseKeeper;
  readonly parts: QueueSessionParts;
  readonly served: ServedQueues;
  readonly log: Logger;
}

/** The own worker of a removed replica has this time to come back for its suspects, in ms. */
const ownerGraceMs = 10_000;

interface Adoption {
  /** When the queue was adopted, by `performance.now()`. */
  readonly since: number;
  readonly lease: ReplicaLease;
  readonly session: QueueSession;
  readonly idle: IdleWatch;
  /** Whether this worker's replica has replaced the queue's. If so, this worker runs its suspects too. */
  readonly inherited: boolean;
  /** Set once the session takes no more jobs; resolves when the lease is released. */
  ending: Promise<void> | undefined;
}

/** Serves the queues of replicas that are not coming back soon, while nobody else does. */
export class Adoptions {
  readonly #options: AdoptionsOptions;
  readonly #life: StartStop;
  readonly #adopted = new Map<string, Adoption>();
  readonly #store: AdoptionStore;
  readonly #leases: LeaseStore;
  readonly #repair: WorkerRepair;
  #offered: readonly string[] = [];
  #leaving = false;
  #inheriting: Promise<void> | undefined;

  constructor(options: AdoptionsOptions) {
    const { connection, leaseMs, log } = options;
    this.#options = options;
    this.#store = new AdoptionStore(connection);
    this.#leases = new LeaseStore(connection);
    this.#repair = new WorkerRepair(connection, log);
    this.#life = periodically(
      leaseMs / 3,
      () => this.#withRepair(() => this.#check()),
      (error) => log.warn({ err: error }, 'adopted queues could not be checked'),
    );
  }

  /**
   * Adopts the queues of the replicas that this worker's replica has replaced, and begins to run their
   * suspects. A queue that cannot be adopted now is adopted when it is offered.
   */
  async inherit(): Promise<void> {
    const { replica, log } = this.#options;
    this.#inheriting = this.#withRepair(async () => {
      this.#offered = await this.#store.inheritedBy(replica);
      for (const name of this.#offered) if (!this.#adopted.has(name)) await this.#inherit(name);
    });
    await this.#inheriting.catch((error: unknown) =>
      log.warn({ err: error }, 'inherited queues are adopted when they are offered'),
    );
  }

  /** Notes that this worker is told to leave, so that no request of an adopted queue is to blame. */
  async expectDeath(graceMs: number): Promise<void> {
    const { connection } = this.#options;
    for (const [name, { lease }] of this.#adopted)
      await expectDeath(connection, name, lease.predecessor.generation, graceMs);
  }

  /** Begins to adopt offered queues. */
  start(): Promise<void> {
    return this.#life.start();
  }

  /** Adopts no more queues, finishes the jobs that it holds and releases all leases. */
  async stop(): Promise<void> {
    this.#leaving = true;
    // The leases are renewed until the last of them is released.
    await this.#yieldAll();
    await Promise.all([this.#life.stop(), this.#inheriting?.catch(() => undefined)]);
    await this.#yieldAll();
  }

  async #yieldAll(): Promise<void> {
    await Promise.all(Array.from(this.#adopted, ([replica, adoption]) => this.#yield(replica, adoption)));
  }

  async #check(): Promise<void> {
    const { replica, parts } = this.#options;
    await Promise.all(Array.from(this.#adopted, ([name, adoption]) => this.#checkOne(name, adoption)));
    // Suspects that run isolated must not meet other requests.
    if (this.#leaving || !parts.intake.free) return;
    this.#offered = await this.#store.offered();
    const others = this.#offered.filter((name) => name !== replica && !this.#adopted.has(name));
    if (others.length === 0) return;
    const heirs = await this.#store.heirs();
    for (const name of others) if (heirs.get(name) === replica) await this.#inherit(name);
    // One at a time, so that each live worker adopts some.
    const free = others.filter((name) => !heirs.has(name));
    const chosen = free[Math.floor(Math.random() * free.length)];
    if (chosen !== undefined) await this.#adopt(chosen, false);
  }

  /** Suspects of two queues do not run at once: those of the next queue wait until these have run. */
  async #inherit(name: string): Promise<void> {
    if (this.#leaving || !this.#options.parts.intake.free) return;
    const adopted = await this.#adopt(name, true);
    await adopted?.started;
  }

  #withRepair(act: () => Promise<void>): Promise<void> {
    return this.#repair.withRepair(act, () => ({
      adoption: true,
      replicas: new Set([...this.#offered, ...this.#adopted.keys()]),
    }));
  }

  /** @returns once the lease is taken; `started` resolves when jobs are being taken. */
  async #adopt(
    replica: string,
    inherited: boolean,
  ): Promise<{ readonly started: Promise<void> } | undefined> {
    const { connection, leaseMs, keeper, served, log } = this.#options;
    // Another worker may have emptied it, which the controller has not noticed yet.
    const held = (await countUnfinished(connection, replica)) + (await this.#leftSuspects(replica)).size;
    if (held === 0) return undefined;
    const adopter = adopterOf(this.#options.replica, this.#options.generation);
    const lease = new ReplicaLease({ connection, replica, generation: 0, adopter, leaseMs });
    if ((await lease.take('adopted')) !== 'taken') return undefined;
    const onSuperseded = (): void => this.#onLost(replica, 'another worker serves the adopted queue');
    const session = this.#createSession(lease, inherited, onSuperseded);
    this.#adopted.set(replica, {
      since: performance.now(),
      lease,
      session,
      idle: new IdleWatch(connection, replica),
      inherited,
      ending: undefined,
    });
    served.add(session);
    keeper.keep(lease, 'adopted', onSuperseded);
    log.warn({ adopted: replica, inherited }, 'adopted a queue');
    // Its lease is renewed while it starts.
    const started = session.start().catch((error: unknown) => {
      log.error({ err: error, adopted: replica }, 'an adopted queue cannot be served');
      this.#abandon(replica);
    });
    return { started };
  }

  #createSession(lease: ReplicaLease, inherited: boolean, onSuperseded: () => void): QueueSession {
    const { parts, keeper, log } = this.#options;
    const { replica } = lease;
    const stuck = 'jobs wait in the adopted queue but none is run; it is left to another worker';
    return new QueueSession({
      ...parts,
      lease,
      inherited,
      log: log.child({ adopted: replica }),
      makeCertain: () => keeper.renew(lease, 'adopted'),
      onSuperseded,
      onStuck: () => this.#onLost(replica, stuck),
    });
  }

  #onLost(replica: string, why: string): void {
    this.#options.log.warn({ adopted: replica }, why);
    this.#abandon(replica);
  }

  async #checkOne(replica: string, adoption: Adoption): Promise<void> {
    const { session, idle, inherited } = adoption;
    if (adoption.ending !== undefined) return;
    const hasOtherHeir = !inherited && (await this.#store.hasHeir(replica));
    const awaited = hasOtherHeir || (await this.#leases.hasStandby(replica));
    const suspects = await this.#leftSuspects(replica);
    if (!inherited && !awaited && performance.now() - adoption.since > ownerGraceMs)
      await session.failSuspects(suspects);
    if (!awaited && !(await idle.isIdleLongEnough(session.size + suspects.size))) return;
    this.#yield(replica, adoption).catch((error: unknown) =>
      this.#options.log.warn({ err: error, adopted: replica }, 'the lease was not ended; it will expire'),
    );
  }

  /** @returns the suspects of a replica if it was removed: its own worker may never come back for them. */
  async #leftSuspects(replica: string): Promise<ReadonlySet<string>> {
    const retired = await this.#store.isRetired(replica);
    return retired ? suspectsOf(this.#options.connection, replica) : new Set();
  }

  /** Finishes the held jobs of a queue and releases its lease. */
  #yield(replica: string, adoption: Adoption): Promise<void> {
    adoption.ending ??= (async () => {
      await adoption.session.stop();
      await this.#options.keeper.release(adoption.lease);
      await adoption.lease.end();
      this.#forget(replica, adoption);
      await this.#leases.announce(replica, 'released');
      this.#options.log.info({ adopted: replica }, 'an adopted queue is released');
    })();
    return adoption.ending;
  }

  /** Releases a queue without finishing the jobs that are held of it. */
  #abandon(replica: string): void {
    const adoption = this.#adopted.get(replica);
    if (adoption === undefined) return;
    const { log } = this.#options;
    Promise.all([adoption.session.abandon(), this.#yield(replica, adoption)]).catch((error: unknown) => {
      log.warn(
        { err: error, adopted: replica },
        'the lease of an abandoned queue was not ended; it will expire',
      );
      this.#forget(replica, adoption);
    });
  }

  #forget(replica: string, adoption: Adoption): void {
    this.#adopted.delete(replica);
    this.#options.served.remove(adoption.session);
  }
}
