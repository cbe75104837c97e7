import { DelayedError, Worker } from 'bullmq';
import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { isCallback } from '#shared/store/callbacks.ts';
import type { CallbackData } from '#shared/store/callbacks.ts';
import type { Redaction } from '#shared/contract/redaction.ts';
import type { CallbackState } from '#shared/contract/request-record.ts';
import { inRedisTime } from '#shared/store/redis/bullmq-time.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import { startStop } from '#shared/process/lifecycle.ts';
import type { RedisClock } from '#shared/store/redis/redis-clock.ts';
import type { StartStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { CallbackMacs } from './callback-macs.ts';
import { noteCallback } from './callback-notes.ts';
import { firstSentBefore, nextAttempt } from './callback-schedule.ts';
import { sendCallback } from './callback-sender.ts';
import { CallbackSource } from './callback-source.ts';
import type { Later, ToSend } from './callback-source.ts';
import { GarbledCallbacks } from './garbled-callbacks.ts';
import type { CallbackFault } from './garbled-callbacks.ts';
import { ParkedCallbacks } from './parked-callbacks.ts';
import { ReceiverSlots } from './receiver-slots.ts';
import { onlyReceiver, receiverOf } from './receiver.ts';
import type { CallbackTargets } from './targets.ts';

export interface CallbackDeliveriesOptions {
  /** A patient connection; BullMQ opens a second one for its blocking reads and leaves this one open. */
  readonly redis: Redis;
  readonly keys: Keys;
  readonly targets: CallbackTargets;
  readonly secrets: readonly string[];
  readonly macs: CallbackMacs;
  /** What receivers are not told. */
  readonly redaction: Redaction;
  /** Time in ms for which what is known of a request is kept. */
  readonly keepMs: number;
  readonly log: Logger;
}

/** Jobs that a gateway has at once: those that are sent, and some that are looked at, or parked. */
const concurrency = 288;
/** A message takes one slot for each of so many bytes that it has begun. */
const bytesOfSlot = 1024 * 1024;
/** The callbacks of a gateway that has died are found by another one within twice this time, in ms; as often as needed. */
const lockMs = 5000;
const mostStalls = 1000;

/** After Redis has refused something, in ms. */
const againMs = 1000;

/** A gateway that stops waits so long for answers, in ms; what is not answered by then is sent anew by another one. */
const stopGraceMs = 5000;

/** The receiver has no free slot. */
interface Busy {
  readonly receiver: string;
}

/**
 * Sends the callbacks of requests that have come to their end. Any gateway sends those of all; each is sent at least
 * once, and again until the receiver has taken it or there were ten attempts. Each receiver has slots of its own here.
 */
export class CallbackDeliveries {
  readonly #options: CallbackDeliveriesOptions;
  readonly #source: CallbackSource;
  readonly #slots = new ReceiverSlots();
  readonly #parked: ParkedCallbacks;
  readonly #clock: RedisClock;
  readonly #garbled: GarbledCallbacks;
  readonly #life: StartStop;
  readonly #leaving = new AbortController();

  constructor(options: CallbackDeliveriesOptions) {
    this.#options = options;
    const { redis, keys, keepMs, log } = options;
    this.#clock = clockOf(redis);
    this.#source = new CallbackSource(options);
    const parked = new ParkedCallbacks(redis, keys, this.#slots, keepMs, log);
    this.#parked = parked;
    const garbled = new GarbledCallbacks(redis, keys, log);
    this.#garbled = garbled;
    let worker: Worker<CallbackData> | undefined;
    let running: Promise<void> | undefined;
    this.#life = startStop(
      async () => {
        worker = new Worker<CallbackData>(keys.callbacks, (job, token) => this.#process(job, token), {
          connection: redis,
          prefix: keys.prefix,
          concurrency,
          autorun: false,
          skipVersionCheck: true,
          lockDuration: lockMs,
          stalledInterval: lockMs,
          maxStalledCount: mostStalls,
          removeOnComplete: { count: 0 },
          removeOnFail: { count: 0 },
        });
        inRedisTime(worker, this.#clock);
        worker.on('error', (error) => {
          log.warn({ err: error }, 'the queue of callbacks reports an error');
          void garbled.after(error);
        });
        worker.on('failed', (job, error) => log.error({ request: job?.id, err: error }, 'a callback failed'));
        await worker.waitUntilReady();
        await parked.start();
        running = worker.run();
      },
      async () => {
        const timer = setTimeout(() => this.#leaving.abort(), stopGraceMs);
        await worker?.close();
        clearTimeout(timer);
        await running;
        await parked.stop();
      },
    );
  }

  start(): Promise<void> {
    return this.#life.start();
  }

  /** Sends no new ones, and resolves when those are answered that are under way. */
  stop(): Promise<void> {
    return this.#life.stop();
  }

  async #process(job: Job<CallbackData>, token: string | undefined): Promise<void> {
    const { log } = this.#options;
    // A job that throws is given up by BullMQ.
    const later = await this.#settle(job).catch((error: unknown): Later => {
      log.warn({ request: job.id, err: error }, 'Redis refuses what has to be known of a callback');
      return { at: this.#clock.now() + againMs };
    });
    if (later === undefined) return;
    const putBack =
      'receiver' in later
        ? this.#parked.park(job, token, later.receiver)
        : job.moveToDelayed(this.#clock.toOwn(later.at), token);
    await putBack.catch((error: unknown) =>
      // It stays active, and is found as that of a gateway that has died.
      log.warn({ request: job.id, err: error }, 'a callback could not be put back'),
    );
    throw new DelayedError();
  }

  /** Sends what a gateway has written, and moves all else aside. */
  async #settle(job: Job<CallbackData>): Promise<Later | Busy | undefined> {
    const fault = this.#faultOf(job);
    if (fault === undefined) return this.#send(job);
    await this.#garbled.keep(job, fault);
    return undefined;
  }

  #faultOf({ id = '', data }: Job<CallbackData>): CallbackFault | undefined {
    if (!isCallback(data)) return 'garbled';
    if (this.#options.macs.verify(id, data)) return undefined;
    return data.mac === undefined ? 'unsigned' : 'forged';
  }

  /** Sends a callback if its receiver has a free slot. The slot is taken first, so that no more are looked at than sent. */
  async #send(job: Job<CallbackData>): Promise<Later | Busy | undefined> {
    const { id = '', data } = job;
    const only = data.message === undefined ? onlyReceiver(data) : receiverOf(data.message.url);
    if (only !== undefined) return this.#withSlots(only, 1, 0, () => this.#sendTo(only, job));
    const toSend = await this.#source.find(id, data);
    if (toSend === undefined || 'at' in toSend) return toSend;
    const receiver = receiverOf(toSend.url);
    return this.#withSlots(receiver, 1, 0, () => this.#sendFrom(toSend, receiver, job));
  }

  async #sendTo(receiver: string, job: Job<CallbackData>): Promise<Later | Busy | undefined> {
    const toSend = await this.#source.find(job.id ?? '', job.data);
    if (toSend === undefined || 'at' in toSend) return toSend;
    return this.#sendFrom(toSend, receiver, job);
  }

  /** A large message takes more slots than the one that it has. */
  async #sendFrom(
    { url, bytes, payload }: ToSend,
    receiver: string,
    job: Job<CallbackData>,
  ): Promise<Later | Busy | undefined> {
    const more = Math.floor(bytes / bytesOfSlot);
    if (more === 0) return this.#attempt(job, url, await payload());
    return this.#withSlots(receiver, more, 1, async () => this.#attempt(job, url, await payload()));
  }

  /** @param had slots that the same message has already. */
  async #withSlots(
    receiver: string,
    count: number,
    had: number,
    act: () => Promise<Later | Busy | undefined>,
  ): Promise<Later | Busy | undefined> {
    const taken = this.#slots.take(receiver, count, had);
    if (taken === 0) return { receiver };
    let result: Later | Busy | undefined;
    try {
      return (result = await act());
    } finally {
      this.#slots.release(receiver, taken);
      // A large message that found too few slots leaves none to another one.
      if (result === undefined || !('receiver' in result)) this.#parked.freed(receiver);
    }
  }

  async #attempt(job: Job<CallbackData>, url: string, payload: string): Promise<Later | undefined> {
    const { targets, secrets, macs, log } = this.#options;
    const { id = '', data } = job;
    const { signal } = this.#leaving;
    const clock = this.#clock;
    const firstSent = data.firstSent ?? firstSentBefore(data.attempts, clock.now());
    const toSend = { id, url, payload };
    const sent = await sendCallback(targets, secrets, toSend, clock.now(), signal).catch(() => undefined);
    if (sent === undefined) return { at: clock.now() };
    const attempts = data.attempts + 1;
    const failed = { attempts, firstSent, askedMs: sent.outcome === 'retry' ? sent.notBeforeMs : 0 };
    const at = nextAttempt(failed, clock.now(), Math.random());
    if (sent.outcome !== 'retry' || at === undefined) {
      const state = sent.outcome === 'retry' ? 'failed' : sent.outcome;
      if (state !== 'delivered')
        log.warn({ request: id, answer: sent.answer, attempts }, `a callback ${state}`);
      await this.#note(id, state, attempts, sent.answer);
      return undefined;
    }
    // First what is not to be forgotten, so that whoever finds this job goes on from here.
    const message = { url, payload, mac: macs.ofMessage(id, { url, payload }) };
    await job.updateData({ ...data, mac: macs.ofJob(id, data), attempts, firstSent, message });
    await this.#note(id, 'retrying', attempts, sent.answer);
    return { at };
  }

  async #note(id: string, state: CallbackState, attempts: number, answer?: string): Promise<void> {
    const { redis, keys } = this.#options;
    await noteCallback(redis, keys, id, state, attempts, answer);
  }
}
