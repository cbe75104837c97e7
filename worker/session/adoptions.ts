import { adopterOf } from '#shared/contract/lease.ts';
import type { StartStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { periodically } from '#shared/process/periodically.ts';
import { AdoptionStore } from '#shared/store/lease/adoption-store.ts';
import { countUnfinished } from '#shared/store/queue/replica-queue.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { WorkerRepair } from '#shared/store/repair/worker-repair.ts';
import type { LeaseKeeper } from '../lease/lease-keeper.ts';
import { ReplicaLease } from '../lease/replica-lease.ts';
import { Adoption, leftSuspects } from './adoption.ts';
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

/** Adopts the queues of replicas that are not coming back soon, while nobody else serves them. */
export class Adoptions {
  readonly #options: AdoptionsOptions;
  readonly #life: StartStop;
  readonly #adopted = new Map<string, Adoption>();
  readonly #store: AdoptionStore;
  readonly #repair: WorkerRepair;
  #offered: readonly string[] = [];
  #leaving = false;
  #inheriting: Promise<void> | undefined;

  constructor(options: AdoptionsOptions) {
    const { connection, leaseMs, log } = options;
    this.#options = options;
    this.#store = new AdoptionStore(connection);
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
    for (const adoption of this.#adopted.values()) await adoption.expectDeath(graceMs);
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

  /** Adopts no more queues, and releases all leases without finishing the jobs that it holds. */
  async leave(): Promise<void> {
    this.#leaving = true;
    await Promise.all(Array.from(this.#adopted.values(), (adoption) => adoption.leave()));
    await this.#life.stop();
  }

  async #yieldAll(): Promise<void> {
    await Promise.all(Array.from(this.#adopted.values(), (adoption) => adoption.yield()));
  }

  async #check(): Promise<void> {
    const { replica, parts } = this.#options;
    await Promise.all(Array.from(this.#adopted.values(), (adoption) => adoption.check()));
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

  /** @returns once the lease is taken; `started` resolves when jobs are being taken. */
  async #adopt(
    replica: string,
    inherited: boolean,
  ): Promise<{ readonly started: Promise<void> } | undefined> {
    const { connection, leaseMs, keeper, parts, served, log } = this.#options;
    // Another worker may have emptied it, which the controller has not noticed yet.
    const suspects = await leftSuspects(connection, replica);
    if ((await countUnfinished(connection, replica)) + suspects.size === 0) return undefined;
    const adopter = adopterOf(this.#options.replica, this.#options.generation);
    const lease = new ReplicaLease({ connection, replica, generation: 0, adopter, leaseMs });
    if ((await lease.take('adopted')) !== 'taken') return undefined;
    const onReleased = (): void => {
      this.#adopted.delete(replica);
      served.remove(adoption.session);
    };
    const adoption = new Adoption({ connection, lease, keeper, parts, inherited, onReleased, log });
    this.#adopted.set(replica, adoption);
    served.add(adoption.session);
    // Its lease is renewed while it starts.
    return { started: adoption.start() };
  }

  #withRepair(act: () => Promise<void>): Promise<void> {
    return this.#repair.withRepair(act, () => ({
      adoption: true,
      replicas: new Set([...this.#offered, ...this.#adopted.keys()]),
    }));
  }
}
