/**
 * The queues that this worker has adopted. Each goes through
 *
 *   offered or inherited --its lease is free: taken--> adopted
 *   adopted --its owner stands by, another replica is its heir, or it has been empty for long--> yielding
 *   yielding --what was held is finished--> (nothing)
 *   adopted, yielding --another worker has taken the lease, or it cannot be served--> abandoned: (nothing)
 */
import type { Redis } from 'ioredis';
import { adopterOf } from '#shared/contract/lease.ts';
import { expectedOfReplica, expectedOfAdoption } from '#shared/store/repair/expected-keys.ts';
import type { ExpectedKey } from '#shared/store/repair/expected-keys.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { StartStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { periodically } from '#shared/process/periodically.ts';
import { isReplicaName } from '#shared/contract/replica-name.ts';
import { backlogOf, pardon } from '#shared/store/replica-queue.ts';
import { inheritedBy } from './inheritance.ts';
import type { LeaseKeeper } from '../lease/lease-keeper.ts';
import { Quiet } from '../lease/quiet.ts';
import { ReplicaLease } from '../lease/replica-lease.ts';
import { suspectsOf } from '#shared/store/suspect-notes.ts';
import { Tenure } from './tenure.ts';
import type { TenureParts } from './tenure.ts';

export interface AdoptionsOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** This worker's own replica and generation. */
  readonly replica: string;
  readonly generation: number;
  /** The TTL in ms of the leases on adopted queues. */
  readonly leaseMs: number;
  /** Renews them. */
  readonly keeper: LeaseKeeper;
  readonly parts: TenureParts;
  readonly log: Logger;
}

/** A removed replica's own worker has this time to come back for its suspects, in ms. */
const ownerGraceMs = 10_000;

interface Adoption {
  /** Since when, by `performance.now()`. */
  readonly since: number;
  readonly lease: ReplicaLease;
  readonly tenure: Tenure;
  readonly quiet: Quiet;
  /** Whether this worker's replica has replaced the queue's: then it runs its suspects too. */
  readonly inherited: boolean;
  /** Set once it takes nothing new; resolves when it is over. */
  ending: Promise<void> | undefined;
}

/** Serves the queues of replicas that are not coming back soon, while nobody else does. */
export class Adoptions {
  readonly #options: AdoptionsOptions;
  readonly #life: StartStop;
  readonly #adopted = new Map<string, Adoption>();
  readonly #repair: KeyRepair;
  #offered: readonly string[] = [];
  #leaving = false;
  #inheriting: Promise<void> | undefined;

  constructor(options: AdoptionsOptions) {
    this.#options = options;
    const { redis, keys, log } = options;
    this.#repair = new KeyRepair(redis, keys, log, 'worker');
    this.#life = periodically(
      options.leaseMs / 3,
      () => this.#mending(() => this.#look()),
      (error) => log.warn({ err: error }, 'adopted queues could not be looked after'),
    );
  }

  /** The ids of the requests of adopted queues that are being run. */
  get running(): readonly string[] {
    return [...this.#adopted.values()].flatMap(({ tenure }) => tenure.running);
  }

  /** Lets a request of an adopted queue go that is being run, if it is. */
  cancel(id: string): void {
    for (const { tenure } of this.#adopted.values()) tenure.cancel(id);
  }

  /** Jobs are not delivered directly until the consumers have said that they serve the adopted queues. */
  wake(): void {
    for (const { tenure } of this.#adopted.values()) tenure.wake();
  }

  /**
   * Adopts the queues of replicas that this worker's has replaced, and begins to run their suspects. Those that cannot be
   * adopted now are when they are offered.
   */
  async inherit(): Promise<void> {
    const { redis, keys, replica } = this.#options;
    this.#inheriting = this.#mending(async () => {
      this.#offered = await inheritedBy(redis, keys, replica);
      for (const name of this.#offered) if (!this.#adopted.has(name)) await this.#inherit(name);
    });
    await this.#inheriting.catch((error: unknown) =>
      this.#options.log.warn({ err: error }, 'inherited queues are adopted when they are offered'),
    );
  }

  /** What this worker holds of adopted queues when it is told to go has not killed it. */
  async pardon(graceMs: number): Promise<void> {
    const { redis, keys } = this.#options;
    for (const [name, { lease }] of this.#adopted)
      await pardon(redis, keys, name, lease.predecessor.generation, graceMs);
  }

  /** Begins to adopt what is offered. */
  start(): Promise<void> {
    return this.#life.start();
  }

  /** Adopts nothing new, finishes what it holds and lets all leases go. */
  async stop(): Promise<void> {
    this.#leaving = true;
    // The leases are renewed until the last of them is let go.
    await this.#yieldAll();
    await Promise.all([this.#life.stop(), this.#inheriting?.catch(() => undefined)]);
    await this.#yieldAll();
  }

  async #yieldAll(): Promise<void> {
    await Promise.all(Array.from(this.#adopted, ([replica, adoption]) => this.#yield(replica, adoption)));
  }

  async #look(): Promise<void> {
    const { redis, keys, replica, parts } = this.#options;
    await Promise.all(Array.from(this.#adopted, ([name, adoption]) => this.#lookAfter(name, adoption)));
    // Suspects that run apart are not to meet other requests.
    if (this.#leaving || !parts.intake.free) return;
    this.#offered = (await redis.smembers(keys.offered)).filter(isReplicaName);
    const others = this.#offered.filter((name) => name !== replica && !this.#adopted.has(name));
    if (others.length === 0) return;
    const heirs = new Map(Object.entries(await redis.hgetall(keys.heirs)));
    for (const name of others) if (heirs.get(name) === replica) await this.#inherit(name);
    // One at a time, so that all live workers come to adopt some.
    const free = others.filter((name) => !heirs.has(name));
    const chosen = free[Math.floor(Math.random() * free.length)];
    if (chosen !== undefined) await this.#adopt(chosen, false);
  }

  /** The suspects of two queues do not run at once: those of the next one wait until these have run. */
  async #inherit(name: string): Promise<void> {
    if (!this.#leaving && this.#options.parts.intake.free) await (await this.#adopt(name, true))?.begun;
  }

  #mending(act: () => Promise<void>): Promise<void> {
    return this.#repair.mending(act, () => this.#expected());
  }

  *#expected(): Iterable<ExpectedKey> {
    const { keys } = this.#options;
    yield* expectedOfAdoption(keys);
    for (const name of new Set([...this.#offered, ...this.#adopted.keys()]))
      yield* expectedOfReplica(keys, name);
  }

  /** @returns once its lease is taken; `begun` resolves when its jobs are being taken. */
  async #adopt(replica: string, inherited: boolean): Promise<{ readonly begun: Promise<void> } | undefined> {
    const { redis, keys, leaseMs, keeper, parts, log } = this.#options;
    // Another one may have emptied it, which the controller has yet to see.
    const held = (await backlogOf(redis, keys, replica)) + (await this.#leftSuspects(replica)).size;
    if (held === 0) return undefined;
    const adopter = adopterOf(this.#options.replica, this.#options.generation);
    const lease = new ReplicaLease({ redis, keys, replica, generation: 0, adopter, leaseMs });
    if ((await lease.take('adopted')) !== 'taken') return undefined;
    const lost = (why: string) => (): void => {
      log.warn({ adopted: replica }, why);
      this.#abandon(replica);
    };
    const onSuperseded = lost('another worker serves the adopted queue');
    const tenure = new Tenure({
      ...parts,
      lease,
      inherited,
      log: log.child({ adopted: replica }),
      makeCertain: () => keeper.renew(lease, 'adopted'),
      onSuperseded,
      onStuck: lost('jobs wait in the adopted queue and nothing is run; it is left to another worker'),
    });
    this.#adopted.set(replica, {
      since: performance.now(),
      lease,
      tenure,
      quiet: new Quiet(redis, keys, replica),
      inherited,
      ending: undefined,
    });
    keeper.keep(lease, 'adopted', onSuperseded);
    log.warn({ adopted: replica, inherited }, 'adopted a queue');
    // Its lease is renewed while it starts.
    const begun = tenure.start().catch((error: unknown) => {
      log.error({ err: error, adopted: replica }, 'an adopted queue cannot be served');
      this.#abandon(replica);
    });
    return { begun };
  }

  async #lookAfter(replica: string, adoption: Adoption): Promise<void> {
    const { redis, keys } = this.#options;
    const { tenure, quiet, inherited } = adoption;
    if (adoption.ending !== undefined) return;
    const heir = inherited ? null : await redis.hget(keys.heirs, replica);
    const awaited = heir !== null || (await redis.exists(keys.standby(replica))) === 1;
    const suspects = await this.#leftSuspects(replica);
    if (!inherited && !awaited && performance.now() - adoption.since > ownerGraceMs)
      await tenure.convict(suspects);
    if (!awaited && !(await quiet.longEnough(tenure.size + suspects.size))) return;
    this.#yield(replica, adoption).catch((error: unknown) =>
      this.#options.log.warn({ err: error, adopted: replica }, 'the lease runs out by itself'),
    );
  }

  /** @returns the suspects of a replica that was removed: its own worker may never come back for them. */
  async #leftSuspects(replica: string): Promise<ReadonlySet<string>> {
    const { redis, keys } = this.#options;
    const retired = await redis.hexists(keys.retired, replica);
    return retired === 1 ? suspectsOf(redis, keys, replica) : new Set();
  }

  /** Finishes what is held of a queue and lets its lease go. */
  #yield(replica: string, adoption: Adoption): Promise<void> {
    adoption.ending ??= (async () => {
      const { redis, keys, keeper } = this.#options;
      await adoption.tenure.stop();
      await keeper.letGo(adoption.lease);
      await adoption.lease.end();
      this.#adopted.delete(replica);
      await redis.publish(keys.changes, `let go ${replica}`);
      this.#options.log.info({ adopted: replica }, 'an adopted queue is let go');
    })();
    return adoption.ending;
  }

  /** Lets a queue go without finishing what is held of it. */
  #abandon(replica: string): void {
    const adoption = this.#adopted.get(replica);
    if (adoption === undefined) return;
    const { log } = this.#options;
    Promise.all([adoption.tenure.abandon(), this.#yield(replica, adoption)]).catch((error: unknown) => {
      log.warn({ err: error, adopted: replica }, 'the lease of an abandoned queue runs out by itself');
      this.#adopted.delete(replica);
    });
  }
}
