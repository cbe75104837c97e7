import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { promoteCallback } from '#shared/store/callbacks.ts';
import type { CallbackData, CallbackUrls } from '#shared/store/callbacks.ts';
import { redactUrl } from '#shared/contract/redaction.ts';
import type { Redaction } from '#shared/contract/redaction.ts';
import { Problem } from '#shared/contract/errors.ts';
import { expectedOfQueue } from '#shared/store/repair/expected-keys.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { CallbackMacs } from './callback-macs.ts';
import { jobNameOf } from './receiver.ts';
import type { CallbackTargets } from './targets.ts';

/** A callback that no end has called is due this long after the deadline, in ms: a worker ends its request then. */
const graceMs = 1000;
/** Nobody reads BullMQ's event stream here. */
const eventsKept = 100;

export interface CallbacksOptions {
  /** A fail-fast connection that others may share. */
  readonly redis: Redis;
  readonly keys: Keys;
  /** Where they may go; undefined where there are none to be asked for. */
  readonly targets: CallbackTargets | undefined;
  readonly macs: CallbackMacs;
  /** What is not shown of an address. */
  readonly redaction: Redaction;
  readonly log: Logger;
}

/** The gateway's side of the queue of callbacks: they are asked for, let go, and called. */
export class Callbacks {
  readonly #options: CallbacksOptions;
  readonly #repair: KeyRepair;
  #opened: Queue<CallbackData> | undefined;

  constructor(options: CallbacksOptions) {
    this.#options = options;
    this.#repair = new KeyRepair(options.redis, options.keys, options.log);
  }

  /** @throws {Problem} `request_malformed` for addresses that may not be called. */
  async check(urls: CallbackUrls): Promise<void> {
    const { targets, redaction, log } = this.#options;
    if (targets === undefined) {
      throw new Problem(
        'request_malformed',
        'There are no callbacks here: they are signed, and the setting CALLBACK_SECRET is not set.',
      );
    }
    const check = async (name: string, value: string | undefined): Promise<void> => {
      if (value === undefined) return;
      const fault = await targets.fault(value);
      if (fault === undefined) return;
      const url = redactUrl(value, redaction);
      log.debug({ url, address: fault.address }, 'a callback was refused');
      throw new Problem('request_malformed', `${name} is ${JSON.stringify(url)}; ${fault.detail}.`);
    };
    await check('Ringpost-Callback', urls.url);
    await check('Ringpost-Failure-Callback', urls.failureUrl);
  }

  /**
   * Sees to it that the end of a request will be told, by its deadline at most.
   * @param deadline of the request, in ms since the epoch.
   * @returns once that is durable.
   */
  async add(id: string, urls: CallbackUrls, deadline: number): Promise<void> {
    const mac = this.#options.macs.ofJob(id, { ...urls, deadline });
    const data: CallbackData = { ...urls, deadline, attempts: 0, mac };
    const timestamp = clockOf(this.#options.redis).now();
    const delay = Math.max(0, deadline + graceMs - timestamp);
    const options = { jobId: id, timestamp, delay, removeOnComplete: true, removeOnFail: true };
    await this.#mending(() => this.#queue.add(jobNameOf(urls), data, options));
  }

  /** The request was not taken: there will be no end to be told. */
  async remove(id: string): Promise<void> {
    await this.#mending(() => this.#queue.remove(id));
  }

  /** The request has come to its end. */
  async promote(id: string): Promise<void> {
    await this.#mending(() => promoteCallback(this.#queue, id));
  }

  #mending<T>(act: () => Promise<T>): Promise<T> {
    const { keys } = this.#options;
    return this.#repair.mending(act, () => expectedOfQueue(keys, keys.callbacks));
  }

  /** Lets go of the queue; the connection stays open. */
  async close(): Promise<void> {
    await this.#opened?.close();
  }

  /** Opened when it is needed: the queue writes its bounds to a Redis that has to be there. */
  get #queue(): Queue<CallbackData> {
    if (this.#opened === undefined) {
      const { redis, keys, log } = this.#options;
      this.#opened = new Queue<CallbackData>(keys.callbacks, {
        connection: redis,
        prefix: keys.prefix,
        skipVersionCheck: true,
        skipWaitingForReady: true,
        streams: { events: { maxLen: eventsKept } },
      });
      this.#opened.on('error', (error) =>
        log.debug({ err: error }, 'the queue of callbacks reports an error'),
      );
    }
    return this.#opened;
  }
}
