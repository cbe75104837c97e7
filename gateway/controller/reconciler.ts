import type { Redis } from 'ioredis';
import type { Connection } from '#shared/store/redis/connection.ts';
import { adopterOf, parseLease } from '#shared/contract/lease.ts';
import { noteCrash } from '#shared/store/crash-notes.ts';
import { askedToMend } from '#shared/store/repair/key-repair.ts';
import { HeirStore } from '#shared/store/heir-store.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import { startStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { RedisClock } from '#shared/store/redis/redis-clock.ts';
import { safeMessage } from '#shared/process/safe-error.ts';
import type { RingStore } from '#shared/store/ring-store.ts';
import type { RingParameters } from '#shared/ring/ring.ts';
import { scriptsOn } from '#shared/store/scripts/load.ts';
import { retiredQuietMs } from '#shared/settings/common.ts';
import type { Death, Driver } from '../drivers/driver.ts';
import { seedReplicas } from '../ring/replica-changes.ts';
import { DesiredNotes } from './desired-notes.ts';
import { Execution } from './execute.ts';
import { Leadership } from './leadership.ts';
import { Mending } from './mending.ts';
import { observe } from './observe.ts';
import type { Observed } from './observe.ts';
import { PassTime } from './pass-time.ts';
import { plan } from './plan.ts';
import type { Memory } from './plan.ts';
import { PublishedStatus } from './published-status.ts';
import { Renewal } from './renewal.ts';

export interface ReconcilerOptions {
  readonly connection: Connection;
  /** A patient connection. */
  readonly redis: Redis;
  /** A patient connection that is used for subscriptions alone; others may share it. */
  readonly subscriber: Redis;
  readonly keys: Keys;
  readonly store: RingStore;
  readonly driver: Driver;
  readonly controller: string;
  readonly parameters: RingParameters;
  /** Replicas of a new namespace. */
  readonly replicas: number;
  /** Replicas that are started at most. */
  readonly maxReplicas: number;
  /** Makes the name of a replica that replaces a dead one; undefined: it has the dead one's. */
  readonly newName: (() => string) | undefined;
  readonly failoverMs: number;
  readonly startTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly leaseMs: number;
  readonly log: Logger;
}

/** A pass is made after each event, and this often at least without one, in ms. */
const passEveryMs = 500;

/**
 * Makes the replicas that there are those that there shall be, over and over: observe, plan, execute. Events only
 * wake it; what it does follows from what it sees.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #leadership: Leadership;
  readonly #execution: Execution;
  readonly #heirs: HeirStore;
  readonly #life = startStop(
    () => this.#start(),
    () => this.#stop(),
  );
  readonly #clock: RedisClock;
  readonly #time: PassTime;
  readonly #mending: Mending;
  readonly #renewal = new Renewal();
  #memory: Memory = new Map();
  /** Workers that ended and whose leases are still to be ended. */
  readonly #ended: Death[] = [];
  #deaths = new Map<string, string>();
  readonly #published: PublishedStatus;
  readonly #desired: DesiredNotes;
  #ledAs: string | undefined;
  #observedAt = Number.NEGATIVE_INFINITY;
  #blindUntil = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #pass: Promise<void> | undefined;
  #woken = false;
  #stopped = false;
  #unwatch: () => void = () => undefined;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    const { connection, redis, keys, controller, leaseMs, log } = options;
    this.#clock = clockOf(redis);
    this.#time = new PassTime(this.#clock);
    this.#published = new PublishedStatus(redis, keys);
    // Workers whose leases were moved aside are about to renew them.
    const onMended = (): void => void (this.#blindUntil = performance.now() + leaseMs);
    this.#desired = new DesiredNotes(options.maxReplicas, log);
    this.#mending = new Mending({ ...options, onMended });
    this.#leadership = new Leadership({ connection, controller, leaseMs, log, onChange: () => this.wake() });
    this.#heirs = new HeirStore(redis, keys, options.store, log);
    this.#execution = new Execution({
      ...options,
      heirs: this.#heirs,
      token: () => (this.#stopped ? undefined : this.#leadership.token),
      onFailure: (step, error) => {
        log.error({ err: error, replica: step.name }, `${step.do} failed`);
        const reason = safeMessage(error);
        if (step.do === 'start') this.#deaths.set(step.name, `could not be started: ${reason}`);
        if (step.do === 'standby') this.#renewal.failed(step.name, reason, performance.now());
        void this.#mending.after(error, [step.name]).then(() => this.wake());
      },
    });
  }

  start(): Promise<void> {
    return this.#life.start();
  }

  /** Stops reconciling, gives the leadership up and closes the driver, and with it the workers that it does not keep. */
  stop(): Promise<void> {
    return this.#life.stop();
  }

  /** Makes a pass soon; calls while one is under way lead to one more. */
  wake(): void {
    this.#woken = true;
    if (this.#pass !== undefined || this.#stopped) return;
    this.#pass = this.#passes().finally(() => {
      this.#pass = undefined;
    });
  }

  async #start(): Promise<void> {
    const { driver, subscriber, keys, log } = this.#options;
    this.#unwatch = driver.watch((death) => {
      const { name, generation, reason, clean } = death;
      const level = clean || this.#stopped ? 'info' : 'warn';
      log[level]({ replica: name, generation, reason }, 'a worker ended');
      this.#ended.push(death);
      this.wake();
    });
    subscriber.on('message', (channel: string, message: string) => {
      if (channel !== keys.changes) return;
      if (message === 'leader') void this.#leadership.ask().catch(() => undefined);
      const asked = askedToMend(message);
      if (asked !== undefined) void this.#mending.after(asked.error, asked.names);
      this.wake();
    });
    await subscriber.subscribe(keys.changes);
    await driver.start();
    await this.#leadership.start();
    // Often enough not to take the time between two passes for a time in which Redis was away.
    this.#timer = setInterval(() => this.wake(), Math.min(passEveryMs, this.#options.leaseMs / 4));
    this.wake();
  }

  async #stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#pass;
    await this.#execution.idle();
    await this.#leadership.stop();
    // The leases of workers that end with this process end with them, so that the next start need not wait for them.
    await this.#options.driver.close(this.#options.drainTimeoutMs);
    this.#unwatch();
    await this.#bury().catch((error: unknown) => {
      this.#options.log.info({ err: error }, 'the leases of workers that ended run out by themselves');
    });
  }

  /** Ends the leases of workers that have ended for certain, whoever leads. */
  async #bury(): Promise<void> {
    const { redis, keys, driver, leaseMs } = this.#options;
    for (let death = this.#ended[0]; death !== undefined; death = this.#ended[0]) {
      const { name, generation, reason } = death;
      const endLease = scriptsOn(redis);
      // A worker that ends with its controller is stopped, not dead: the next start brings the replica back as it was.
      const wordMs = this.#stopped ? 0 : leaseMs;
      const held = await endLease('end-lease', keys.lease(name), keys.ended(name), generation, '', wordMs);
      // What it had adopted is free for another worker.
      const adopter = adopterOf(name, generation);
      const offered = await redis.smembers(keys.offered);
      await Promise.all(
        offered.map((each) => endLease('end-lease', keys.lease(each), keys.ended(each), 0, adopter, 0)),
      );
      const lease = held === 1 ? null : await redis.get(keys.lease(name));
      await redis.publish(keys.changes, `died ${name}`);
      this.#ended.shift();
      this.#noteCrash(death);
      const holder = lease === null ? undefined : parseLease(lease);
      const stoodBy = holder !== undefined && holder.adopter === undefined && holder.generation < generation;
      const replaced = driver.list().some((each) => each.name === name && each.generation > generation);
      if (stoodBy) this.#renewal.failed(name, reason, performance.now());
      else if (!replaced) this.#deaths.set(name, reason);
    }
  }

  /** Notes the cause of a crash for `/-/ring`. Nothing waits for that. */
  #noteCrash({ name, generation, reason, clean, stderr }: Death): void {
    if (clean || this.#stopped) return;
    const { redis, keys, log } = this.#options;
    const at = this.#clock.now();
    const note = async (): Promise<void> => {
      await noteCrash(redis, keys, name, { generation, at, reason, stderr: (await stderr) ?? [] });
    };
    note().catch((error: unknown) => log.debug({ replica: name, err: error }, 'a crash was not noted'));
  }

  async #passes(): Promise<void> {
    // Events that come together lead to one pass.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#woken && !this.#stopped) {
      this.#woken = false;
      try {
        await this.#reconcile();
      } catch (error) {
        if (this.#stopped) return;
        this.#options.log.error({ err: error }, 'a pass of the controller failed');
        // What was written of the replicas' states may be moved aside with the rest.
        this.#published.forget();
        const names = this.#ended.map(({ name }) => name);
        if (await this.#mending.after(error, names)) this.#woken = true;
      }
    }
  }

  async #reconcile(): Promise<void> {
    await this.#bury();
    const token = this.#leadership.token;
    if (token !== this.#ledAs) {
      // What was remembered before someone else led is out of date.
      this.#memory = new Map();
      this.#published.forget();
      this.#ledAs = token;
    }
    if (token === undefined) {
      this.#deaths.clear();
      return;
    }
    const observed = await this.#observe();
    // A death that a plan knows nothing of would be taken, one pass later, for that of the worker it has started.
    if (this.#ended.length > 0) {
      this.#woken = true;
      return;
    }
    if (observed.version === -1) {
      const { store, parameters, replicas, leaseMs, log } = this.#options;
      if (this.#desired.names.length > 0)
        log.warn(
          { replicas: this.#desired.names },
          `Redis has lost the ring, the desired replicas and their queues; made anew from REPLICAS=${replicas}`,
        );
      await seedReplicas(store, parameters, replicas);
      // Workers that live have lost their leases, and are about to renew them.
      this.#blindUntil = performance.now() + leaseMs;
      this.#woken = true;
      return;
    }
    this.#desired.note(observed);
    if (await this.#mending.desired(observed.desired)) {
      this.#woken = true;
      return;
    }
    const deaths = this.#deaths;
    this.#deaths = new Map();
    if (!observed.instances.some(({ outdated }) => outdated)) this.#renewal.done();
    const { now, memory: before } = this.#time.begin(this.#memory);
    const mayRenew = performance.now() >= this.#renewal.notBefore;
    const settings = { ...this.#options, retiredQuietMs, mayRenew };
    const { steps, memory } = plan(observed, before, deaths, settings, now);
    this.#memory = memory;
    // A new worker stands ready: what kept others from it is over.
    if (steps.some((step) => step.do === 'retire')) this.#renewal.done();
    await this.#execution.begin(steps);
    await this.#published.write(memory, observed.trouble ?? this.#renewal.trouble);
  }

  async #observe(): Promise<Observed> {
    const { redis, keys, store, driver, leaseMs } = this.#options;
    const seen = await observe(redis, keys, store, this.#heirs, driver);
    const now = performance.now();
    // After a gap the workers have as long to renew their leases as they had before it.
    if (now - this.#observedAt > leaseMs / 2 || this.#leadership.late) this.#blindUntil = now + leaseMs;
    this.#observedAt = now;
    return { ...seen, blind: now < this.#blindUntil, beginning: this.#execution.beginning };
  }
}
