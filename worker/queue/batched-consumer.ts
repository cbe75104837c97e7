/**
 * A consumer that takes and finishes many jobs in one call, a tick. It is always in one of these states:
 *
 *   resting --a job may wait, one is to be finished, or the mode is to be announced--> ticking
 *   ticking --none of that is left--> resting
 *   resting, ticking --it has left and holds no job--> stopped
 *   resting, ticking, stopped --abandon, or another worker has taken the lease--> abandoned
 *
 * What it takes is its mode, which `ConsumerMode` holds. One tick is in progress at a time; what arrives
 * meanwhile travels with the next one. If it rests with a free slot, it blocks on the queue's marker, as
 * BullMQ's own workers do. If it has a free slot and the queue is empty, jobs are delivered directly (ADR
 * 0017).
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Fenced } from '#shared/contract/fenced.ts';
import type { HeldJob } from '#shared/contract/delivery.ts';
import type { PartedFrame } from '#shared/contract/frame.ts';
import type { ReplyFrame } from '#shared/contract/reply.ts';
import { startStop } from '#shared/process/lifecycle.ts';
import type { StartStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { MarkerWatch } from '#shared/store/queue/marker-watch.ts';
import { singlesBeforeImmediateSend } from '#shared/store/redis/batches.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { Tick } from '#shared/store/queue/tick.ts';
import type { OutgoingReply, Ticked, TickScript } from '#shared/store/queue/tick.ts';
import { BegunNotes } from '../notes/begun-notes.ts';
import type { Noting } from '../notes/begun-notes.ts';
import { SupersededError } from '../reply/reply-pushes.ts';
import type { ReplyPush } from '../reply/reply-pushes.ts';
import type { Consumer, OnFinished, OnGarbled, RunJob } from '../run/consumer.ts';
import { ConsumerMode } from './consumer-mode.ts';
import { Deliveries } from './deliveries.ts';
import { Endings, rejectAsSuperseded } from './endings.ts';
import type { Ending } from './endings.ts';
import { HeldJobs } from './held-jobs.ts';
import { JobHandling } from './job-handling.ts';

export interface BatchedConsumerOptions {
  /** A patient connection; two more like it are opened for blocking reads. */
  readonly connection: Connection;
  /** By which the worker serves the queue. */
  readonly lease: Fenced;
  /** How many jobs are run at once. */
  readonly concurrency: number;
  readonly tick: TickScript;
  readonly run: RunJob;
  readonly onFinished: OnFinished;
  readonly onGarbled: OnGarbled;
  readonly onSuperseded: () => void;
  /** Undefined if the worker notes nothing. */
  readonly noting?: Noting | undefined;
  readonly log: Logger;
}

type State = 'new' | 'resting' | 'ticking' | 'stopped' | 'abandoned';

/** The states from which each state may be entered. */
const statesBefore: Readonly<Record<State, readonly State[]>> = {
  new: [],
  resting: ['new', 'ticking'],
  ticking: ['resting'],
  stopped: ['resting', 'ticking'],
  abandoned: ['new', 'resting', 'ticking', 'stopped'],
};

/** The TTL of a job's lock in ms, as BullMQ's own workers have it. */
const lockMs = 30_000;
/** After a tick that Redis has refused. */
const retryDelayMs = 100;

export class BatchedConsumer implements Consumer, ReplyPush {
  readonly #options: BatchedConsumerOptions;
  readonly #life: StartStop;
  readonly #tick: Tick;
  readonly #marker: MarkerWatch;
  readonly #deliveries: Deliveries;
  readonly #handling: JobHandling;
  readonly #held: HeldJobs;
  readonly #notes: BegunNotes;
  readonly #mode = new ConsumerMode();
  readonly #stopped = Promise.withResolvers<void>();
  #state: State = 'new';
  readonly #endings = new Endings();
  /** Whether more jobs may wait in the queue. */
  #mayHaveMore = true;
  /** How many ticks in a row finished one job while the consumer held no other. */
  #singlesInARow = 0;
  #lockTimer: NodeJS.Timeout | undefined;

  constructor(options: BatchedConsumerOptions) {
    this.#options = options;
    const { connection, lease, tick: script, noting, log } = options;
    const { replica } = lease;
    const held = (): Iterable<string> => this.#held.ids();
    const notes = new BegunNotes({ noting, lease, held, log });
    this.#notes = notes;
    const token = (): string => notes.token;
    const notingMs = (): number => notes.windowMs;
    this.#tick = new Tick({ connection, script, lease, token, lockMs, notingMs, log });
    this.#handling = new JobHandling({ connection, replica, token, log });
    const [finish, onFreed] = [(id: string) => this.#end(id), () => this.wake()];
    this.#held = new HeldJobs({ ...options, notes, handling: this.#handling, finish, onFreed });
    const hasFreeSlot = (): boolean => this.#hasFreeSlot;
    this.#marker = new MarkerWatch({ connection, replica, hasFreeSlot, onMarker: () => this.wake(), log });
    this.#deliveries = new Deliveries({ connection, lease, onJobs: (jobs) => this.#accept(jobs), log });
    this.#life = startStop(
      () => this.#start(),
      () => this.#stop(),
    );
  }

  readonly start = (): Promise<void> => this.#life.start();
  readonly stop = (): Promise<void> => this.#life.stop();

  abandon(): void {
    if (this.#state === 'abandoned') return;
    this.#enter('abandoned');
    clearInterval(this.#lockTimer);
    this.#marker.stop();
    this.#notes.leave();
    this.#deliveries.stop();
    rejectAsSuperseded(this.#endings.takeAll());
  }

  /** Gateways deliver nothing directly while it is paused, once a tick has announced that. */
  pause(): void {
    this.#mode.pause();
    this.#tickSoon();
  }

  resume(): void {
    this.#mode.resume();
    this.wake();
  }

  /** Finishes a job that is held, and pushes its reply in the same step. */
  push(gateway: string, id: string, frame: ReplyFrame, before?: PartedFrame): Promise<void> {
    return this.#end(id, { gateway, frame, before });
  }

  wake(): void {
    this.#mayHaveMore = true;
    this.#tickSoon();
  }

  #start(): Promise<void> {
    if (this.#state === 'abandoned') return Promise.resolve();
    this.#enter('resting');
    this.#notes.open();
    this.#deliveries.start();
    this.#lockTimer = setInterval(() => this.#handling.renewLocks(this.#held.ids(), lockMs), lockMs / 2);
    this.wake();
    return Promise.resolve();
  }

  async #stop(): Promise<void> {
    this.#mode.leave();
    this.#marker.stop();
    this.wake();
    await this.#stopped.promise;
    this.#notes.close();
    this.#deliveries.stop();
    clearInterval(this.#lockTimer);
    await this.#handling.close();
  }

  #enter(state: State): void {
    if (!statesBefore[state].includes(this.#state)) {
      throw new Error(`a consumer that is ${this.#state} cannot be ${state}`);
    }
    this.#state = state;
  }

  #end(id: string, reply?: OutgoingReply): Promise<void> {
    if (!this.#isServing) {
      return Promise.reject(new SupersededError('the queue is left to another worker'));
    }
    const ended = this.#endings.add(id, reply);
    this.#tickSoon();
    return ended;
  }

  /**
   * Ticks after this turn of the event loop, so that everything that arrives in it goes into one call. If the
   * last ticks each finished the only job, it ticks at once.
   */
  #tickSoon(): void {
    const state = this.#state;
    switch (state) {
      case 'resting': {
        this.#enter('ticking');
        const isSingle = this.#held.count === 1 && this.#endings.count === 1;
        if (isSingle && this.#singlesInARow >= singlesBeforeImmediateSend) void this.#tickOn();
        else setImmediate(() => void this.#tickOn());
        return;
      }
      case 'new': // The session still reclaims the jobs of a dead worker, and would reclaim these too.
      case 'ticking': // It checks for more before it rests.
      case 'stopped':
      case 'abandoned':
        return;
      default:
        state satisfies never;
    }
  }

  get #isServing(): boolean {
    return this.#state === 'resting' || this.#state === 'ticking';
  }

  get #hasFreeSlot(): boolean {
    return this.#mode.takesJobs && this.#held.takenSlots < this.#options.concurrency;
  }

  get #hasReason(): boolean {
    return this.#endings.count > 0 || (this.#mayHaveMore && this.#hasFreeSlot) || this.#mode.isUnannounced;
  }

  async #tickOn(): Promise<void> {
    while (this.#state === 'ticking' && this.#hasReason) await this.#tickOnce();
    if (this.#state !== 'ticking') return;
    this.#enter('resting');
    if (this.#mode.hasLeft) void this.#finishLeaving();
    if (this.#hasFreeSlot) this.#marker.wait();
  }

  async #finishLeaving(): Promise<void> {
    await this.#deliveries.drain();
    if (this.#held.takenSlots > 0 || !this.#isServing) return;
    this.#enter('stopped');
    this.#stopped.resolve();
  }

  /** Never rejects. */
  async #tickOnce(): Promise<void> {
    const endings = this.#endings.take();
    if (endings.length > 0) {
      const isSingle = endings.length === 1 && this.#held.count === 1;
      this.#singlesInARow = isSingle ? this.#singlesInARow + 1 : 0;
    }
    // Jobs that arrive from here on are for the next tick.
    this.#mayHaveMore = false;
    let ticked: Ticked | undefined;
    try {
      ticked = await this.#tick.run(endings, this.#mode.jobLimit(this.#options.concurrency));
    } catch (error) {
      await this.#retryLater(error, endings);
      return;
    }
    if (ticked === undefined) {
      this.abandon();
      rejectAsSuperseded(endings);
      this.#options.onSuperseded();
      return;
    }
    this.#mode.acknowledge();
    const { due, codes, taken, unread } = ticked;
    for (const [at, ending] of endings.entries()) this.#ended(ending, codes[at] ?? 0);
    if (due !== null) this.#marker.due = due;
    else if (taken.length > 0) this.#mayHaveMore = true;
    else this.#marker.postpone();
    this.#deliveries.accept(unread);
    if (taken.length > 0) this.#accept(taken);
  }

  /** The callers that wait for the endings retry by themselves. */
  async #retryLater(error: unknown, endings: readonly Ending[]): Promise<void> {
    this.#options.log.warn({ err: error }, 'Redis has refused a tick');
    this.#mayHaveMore = true;
    for (const { done } of endings) done(error);
    await this.#tick.repair(error, endings);
    await delay(retryDelayMs);
  }

  #accept(jobs: readonly HeldJob[]): void {
    if (this.#isServing) this.#held.start(jobs);
  }

  #ended({ id, done }: Ending, code: number): void {
    if (code < 0) this.#options.log.warn({ request: id, code }, 'a job to be finished was not there');
    this.#held.remove(id);
    done();
  }
}
