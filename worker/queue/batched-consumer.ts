/**
 * A consumer that takes and finishes many jobs in one call. It is always in one of these states:
 *
 *   resting --a job may wait, or is to be finished--> ticking
 *   ticking --nothing is to be finished, and the queue is empty or the hands are full--> resting
 *   resting, ticking --stop--> leaving: takes nothing new --all are finished--> stopped
 *   any --abandon, or another worker has taken the lease--> abandoned: does nothing any more
 *
 * While its hands have room and nothing waits, who adds a job puts it right into them, and it reads it there (ADR 0017).
 * One tick is under way at a time; what comes up meanwhile travels with the next one. While it rests with free hands it
 * blocks on the queue's marker, as BullMQ's own workers do. Whatever comes up during a tick is looked at after it.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { parseJob } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import type { ReplyFrame } from '#shared/contract/reply.ts';
import { expectedOfConsumer } from '#shared/store/repair/expected-keys.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import { oftenAlone } from '#shared/store/redis/batches.ts';
import { startStop } from '#shared/process/lifecycle.ts';
import type { StartStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { SlotMap } from '#shared/v8/slot-array.ts';
import type { Consumer, OnFinished, OnGarbled, PutBack, RunJob } from '../run/consumer.ts';
import { Deliveries } from './deliveries.ts';
import { JobHandling } from './job-handling.ts';
import { MarkerWatch } from './marker-watch.ts';
import { SupersededError } from '../reply/reply-pushes.ts';
import type { Fenced, ReplyPush } from '../reply/reply-pushes.ts';
import { Taking } from './taking.ts';
import { createTick } from './tick.ts';
import type { Ended, OutgoingReply, Taken, Tick, Ticked } from './tick.ts';

export interface BatchedConsumerOptions {
  /** A patient connection; two more are opened for blocking reads. */
  readonly redis: Redis;
  readonly keys: Keys;
  /** By which the worker serves the queue. */
  readonly lease: Fenced;
  /** Jobs at once. */
  readonly concurrency: number;
  /** The text of the tick's script, with BullMQ's own in it. */
  readonly tick: string;
  readonly run: RunJob;
  readonly onFinished: OnFinished;
  readonly onGarbled: OnGarbled;
  readonly onSuperseded: () => void;
  readonly log: Logger;
}

interface Ending extends Ended {
  readonly done: (error?: unknown) => void;
}

/** As BullMQ's own: a job's lock, in ms. */
const lockMs = 30_000;
/** In one call, so that Redis is not kept from others for long. */
const mostEnded = 256;
/** After a tick that Redis has refused, in ms. */
const againMs = 100;

export class BatchedConsumer implements Consumer, ReplyPush {
  readonly #options: BatchedConsumerOptions;
  readonly #life: StartStop;
  readonly #token = randomUUID();
  readonly #tick: Tick;
  readonly #marker: MarkerWatch;
  readonly #deliveries: Deliveries;
  /** The jobs in hand: taken, and not gone from the queue. */
  readonly #held = new SlotMap<JobData>();
  /** Jobs that are on their way back. */
  #returning = 0;
  #endings: Ending[] = [];
  /** Jobs may be there that were not taken. */
  #more = true;
  #ticking = false;
  /** How many times in succession the only job in hand was finished. */
  #alone = 0;
  readonly #taking = new Taking();
  #abandoned = false;
  #locks: NodeJS.Timeout | undefined;
  readonly #handling: JobHandling;
  readonly #repair: KeyRepair;
  readonly #empty = Promise.withResolvers<void>();

  constructor(options: BatchedConsumerOptions) {
    this.#options = options;
    const { redis, keys, lease, tick: lua, log } = options;
    this.#tick = createTick({ redis, keys, lease, lua, token: this.#token, lockMs });
    this.#handling = new JobHandling({ redis, keys, replica: lease.replica, token: this.#token, log });
    this.#repair = new KeyRepair(redis, keys, log, 'worker');
    const hasRoom = (): boolean => this.#hasRoom;
    this.#marker = new MarkerWatch(redis, keys.marker(lease.replica), hasRoom, () => this.#wake(), log);
    const key = (): string => keys.deliveries(lease.replica, lease.fence);
    this.#deliveries = new Deliveries({ redis, keys, key, onJob: (job) => this.#begin(job), log });
    this.#life = startStop(
      () => {
        this.#deliveries.start();
        this.#locks = setInterval(() => this.#handling.keepLocks(this.#held.keys(), lockMs), lockMs / 2);
        this.#wake();
        return Promise.resolve();
      },
      async () => {
        this.#taking.leave();
        this.#marker.stop();
        this.#wake();
        await this.#empty.promise;
        this.#deliveries.stop();
        clearInterval(this.#locks);
        await this.#handling.close();
      },
    );
  }

  readonly start = (): Promise<void> => this.#life.start();
  readonly stop = (): Promise<void> => this.#life.stop();

  abandon(): void {
    this.#abandoned = true;
    clearInterval(this.#locks);
    this.#marker.stop();
    this.#deliveries.stop();
    this.#supersede(this.#endings.splice(0));
  }

  /** Gateways deliver nothing directly while it is paused, once a tick has said so. */
  pause(): void {
    this.#taking.pause();
    this.#tickSoon();
  }

  resume(): void {
    this.#taking.resume();
    this.#wake();
  }

  /** Finishes a job that is in hand, and pushes its reply in the same step. */
  push(gateway: string, id: string, frame: ReplyFrame): Promise<void> {
    return this.#end(id, { gateway, frame });
  }

  #end(id: string, reply?: OutgoingReply): Promise<void> {
    if (this.#abandoned) return Promise.reject(new SupersededError('the queue is left to another worker'));
    return new Promise((resolve, reject) => {
      const done = (error?: unknown): void => (error === undefined ? resolve() : reject(error));
      this.#endings.push({ id, reply, done });
      this.#tickSoon();
    });
  }

  wake(): void {
    this.#wake();
  }

  /** A job may be there. */
  #wake(): void {
    this.#more = true;
    this.#tickSoon();
  }

  /** After this turn of the event loop, so that all that it brings travels together; at once where one job after the other is the only one. */
  #tickSoon(): void {
    if (this.#ticking || this.#abandoned) return;
    this.#ticking = true;
    if (this.#alone >= oftenAlone && this.#held.size === 1 && this.#endings.length === 1) void this.#tickOn();
    else setImmediate(() => void this.#tickOn());
  }

  /** Whether more jobs may be taken. */
  get #hasRoom(): boolean {
    return this.#taking.on && this.#held.size + this.#returning < this.#options.concurrency;
  }

  get #hasReason(): boolean {
    return this.#endings.length > 0 || (this.#more && this.#hasRoom) || this.#taking.untold;
  }

  async #tickOn(): Promise<void> {
    while (!this.#abandoned && this.#hasReason) await this.#tickOnce();
    this.#ticking = false;
    if (this.#abandoned) return;
    this.#rest();
  }

  #rest(): void {
    if (this.#taking.left) void this.#leave();
    if (this.#hasRoom) this.#marker.wait();
  }

  async #leave(): Promise<void> {
    await this.#deliveries.last();
    if (this.#held.size + this.#returning === 0) this.#empty.resolve();
  }

  /** Never rejects. */
  async #tickOnce(): Promise<void> {
    const endings = this.#endings.splice(0, mostEnded);
    if (endings.length > 0) this.#alone = endings.length === 1 && this.#held.size === 1 ? this.#alone + 1 : 0;
    // What comes up from here on is looked at by the next one.
    this.#more = false;
    let ticked: Ticked | undefined;
    try {
      ticked = await this.#tick(endings, this.#taking.word(this.#options.concurrency));
    } catch (error) {
      this.#options.log.warn({ err: error }, 'Redis has refused a tick');
      this.#more = true;
      // Whoever has sent a reply tries again, and so does who finishes a job without one.
      for (const { done } of endings) done(error);
      const { keys, lease } = this.#options;
      const gateways = endings.flatMap(({ reply }) => (reply === undefined ? [] : [reply.gateway]));
      await this.#repair.after(error, () => expectedOfConsumer(keys, lease, gateways));
      await delay(againMs);
      return;
    }
    if (ticked === undefined) {
      this.abandon();
      this.#supersede(endings);
      this.#options.onSuperseded();
      return;
    }
    this.#taking.heard();
    const { due, codes, taken, unread } = ticked;
    for (const [at, ending] of endings.entries()) this.#gone(ending, codes[at] ?? 0);
    if (due !== null) this.#marker.due = due;
    else if (taken.length > 0) this.#more = true;
    this.#deliveries.accept(unread);
    for (const each of taken) this.#begin(each);
  }

  #begin({ id, data, times }: Taken): void {
    // Redis has forgotten that it gave this job out: it is under way.
    if (this.#held.has(id) || this.#abandoned) return;
    const job = data === null ? undefined : parseJob(data);
    if (job === undefined) {
      void this.#returned(this.#options.onGarbled(id));
      return;
    }
    this.#held.add(id, job);
    void this.#runHeld(id, job, times);
  }

  /** Never rejects. */
  async #runHeld(id: string, job: JobData, times: number): Promise<void> {
    try {
      const putBack = await this.#options.run(id, job, times);
      if (putBack !== undefined) await this.#putBack(id, putBack);
      else if (this.#held.has(id)) await this.#finish(id);
    } catch (error) {
      await this.#fail(id, error);
    }
  }

  /** A job that was run: it is gone already where its reply was pushed. */
  async #finish(id: string): Promise<void> {
    while (this.#held.has(id)) {
      try {
        await this.#end(id);
      } catch (error) {
        if (error instanceof SupersededError) return;
        // Redis has refused it, and is asked again until it does not.
      }
    }
  }

  #gone({ id, done }: Ending, code: number): void {
    const { onFinished, log } = this.#options;
    if (code < 0) log.warn({ request: id, code }, 'a job was not there to be finished');
    const job = this.#held.take(id);
    if (job !== undefined) onFinished(id, job);
    done();
  }

  async #putBack(id: string, { notBefore }: PutBack): Promise<void> {
    // It may be taken again before this is answered, and is another run then.
    this.#held.take(id);
    await this.#returned(this.#handling.putBack(id, notBefore));
  }

  async #returned(underWay: Promise<void>): Promise<void> {
    this.#returning += 1;
    await underWay;
    this.#returning -= 1;
    this.#wake();
  }

  async #fail(id: string, error: unknown): Promise<void> {
    this.#options.log.error({ request: id, err: error }, 'a job failed');
    await this.#handling.fail(id, error);
    this.#held.take(id);
    this.#wake();
  }

  #supersede(endings: readonly Ending[]): void {
    const error = new SupersededError('another worker has taken the lease');
    for (const { done } of endings) done(error);
  }
}
