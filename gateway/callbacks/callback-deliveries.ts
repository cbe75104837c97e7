import { DelayedError, Worker } from 'bullmq';
import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { isCallback } from '#shared/callbacks.ts';
import type { CallbackData } from '#shared/callbacks.ts';
import { callerField } from '#shared/contract/caller.ts';
import type { Redaction } from '#shared/contract/redaction.ts';
import { finalStates } from '#shared/contract/request-record.ts';
import type { CallbackState } from '#shared/contract/request-record.ts';
import { inRedisTime } from '#shared/bullmq-time.ts';
import type { Keys } from '#shared/keys.ts';
import { startStop } from '#shared/lifecycle.ts';
import type { RedisClock } from '#shared/redis-clock.ts';
import type { StartStop } from '#shared/lifecycle.ts';
import type { Logger } from '#shared/logger.ts';
import { clockOf } from '#shared/redis-clock.ts';
import { noteRequest } from '#shared/request-notes.ts';
import { RequestStore } from '../requests/request-store.ts';
import type { KnownRequest } from '../requests/request-store.ts';
import type { CallbackMacs } from './callback-macs.ts';
import { messageOf, urlFor } from './callback-message.ts';
import { sendCallback } from './callback-sender.ts';
import { noteCallback } from './callback-notes.ts';
import { GarbledCallbacks } from './garbled-callbacks.ts';
import type { CallbackFault } from './garbled-callbacks.ts';
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

/** Callbacks that are under way at once. */
const concurrency = 32;
/** After the first attempt, in s: five seconds to a day, three days in all (Standard Webhooks). */
const waitsS = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];
/** A wait is up to this much shorter, so that those who failed together do not come back together. */
const jitter = 0.2;
/** The callbacks of a gateway that has died are found by another one within twice this time, in ms; as often as needed. */
const lockMs = 5000;
const mostStalls = 1000;

/** After Redis has refused something, in ms. */
const againMs = 1000;

/** A gateway that stops waits so long for answers, in ms; what is not answered by then is sent anew by another one. */
const stopGraceMs = 5000;

/** When a callback is sent that is not to be sent now. */
interface Later {
  readonly at: number;
}

/**
 * Sends the callbacks of requests that have come to their end. Any gateway sends those of all; each is sent at least
 * once, and again until the receiver has taken it or there were ten attempts.
 */
export class CallbackDeliveries {
  readonly #options: CallbackDeliveriesOptions;
  readonly #clock: RedisClock;
  readonly #store: RequestStore;
  readonly #garbled: GarbledCallbacks;
  readonly #life: StartStop;
  readonly #leaving = new AbortController();

  constructor(options: CallbackDeliveriesOptions) {
    this.#options = options;
    const { redis, keys, log } = options;
    this.#clock = clockOf(redis);
    this.#store = new RequestStore(redis, keys, log);
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
        running = worker.run();
      },
      async () => {
        const timer = setTimeout(() => this.#leaving.abort(), stopGraceMs);
        await worker?.close();
        clearTimeout(timer);
        await running;
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
    await job.moveToDelayed(this.#clock.toOwn(later.at), token).catch((error: unknown) =>
      // It stays active, and is found as that of a gateway that has died.
      log.warn({ request: job.id, err: error }, 'a callback could not be put back'),
    );
    throw new DelayedError();
  }

  /** Sends what a gateway has written, and moves all else aside. */
  async #settle(job: Job<CallbackData>): Promise<Later | undefined> {
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

  async #send(job: Job<CallbackData>): Promise<Later | undefined> {
    const { targets, secrets, macs, log } = this.#options;
    const id = job.id ?? '';
    const { data } = job;
    const message = data.message ?? (await this.#messageOf(id, data));
    if (message === undefined || 'at' in message) return message;
    const { signal } = this.#leaving;
    const sent = await sendCallback(targets, secrets, { ...message, id }, this.#clock.now(), signal).catch(
      () => undefined,
    );
    if (sent === undefined) return { at: this.#clock.now() };
    const attempts = data.attempts + 1;
    const waitS = waitsS[attempts - 1];
    if (sent.outcome !== 'retry' || waitS === undefined) {
      const state = sent.outcome === 'retry' ? 'failed' : sent.outcome;
      if (state !== 'delivered')
        log.warn({ request: id, answer: sent.answer, attempts }, `a callback ${state}`);
      await this.#note(id, state, attempts, sent.answer);
      return undefined;
    }
    // First what is not to be forgotten, so that whoever finds this job goes on from here.
    const { url, payload } = message;
    const told = { url, payload, mac: macs.ofMessage(id, message) };
    await job.updateData({ ...data, mac: macs.ofJob(id, data), attempts, message: told });
    await this.#note(id, 'retrying', attempts, sent.answer);
    const waitMs = waitS * 1000 * (1 - jitter * Math.random());
    return { at: this.#clock.now() + Math.ceil(Math.max(waitMs, sent.notBeforeMs)) };
  }

  /** @returns undefined where there is nothing to be told. */
  async #messageOf(
    id: string,
    data: CallbackData,
  ): Promise<{ readonly url: string; readonly payload: string } | Later | undefined> {
    const { redaction, log } = this.#options;
    const found = await this.#ended(id, data);
    if (found === undefined) {
      log.warn({ request: id }, 'no callback: Redis has lost the request');
      return undefined;
    }
    if ('at' in found) return found;
    if (found.record.callback?.state !== 'pending') return undefined;
    const url = urlFor(data, found.record.state);
    if (url === undefined) {
      await this.#note(id, 'none', 0);
      return undefined;
    }
    return { url, payload: messageOf(found, await this.#store.reply(found), this.#clock.now(), redaction) };
  }

  /** The request, which ends now where its time is over; whoever runs it ends it no more. */
  async #ended(id: string, { deadline }: CallbackData): Promise<KnownRequest | Later | undefined> {
    const { redis, keys, keepMs } = this.#options;
    const found = await this.#store.find(id);
    if (found === undefined) return undefined;
    if (this.#clock.now() <= deadline)
      return finalStates.has(found.record.state) ? found : { at: deadline + 1 };
    const ended = ['finished', this.#clock.now()];
    const terms = { keepMs, deadline, ...callerField(found.record) };
    await noteRequest(redis, keys, found.replica, id, terms, 'expired', ended);
    return this.#store.find(id);
  }

  async #note(id: string, state: CallbackState, attempts: number, answer?: string): Promise<void> {
    const { redis, keys } = this.#options;
    await noteCallback(redis, keys, id, state, attempts, answer);
  }
}
