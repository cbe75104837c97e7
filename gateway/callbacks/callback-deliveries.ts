import { startStop } from '#shared/process/lifecycle.ts';
import type { StartStop } from '#shared/process/lifecycle.ts';
import { CallbackConsumer } from '#shared/store/callbacks/callback-consumer.ts';
import type { TakenCallback } from '#shared/store/callbacks/callback-consumer.ts';
import { isCallback } from '#shared/contract/callback.ts';
import { GarbledCallbacks } from '#shared/store/callbacks/garbled-callbacks.ts';
import type { CallbackFault } from '#shared/store/callbacks/garbled-callbacks.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { RedisClock } from '#shared/store/redis/redis-clock.ts';
import { CallbackAttempts } from './callback-attempts.ts';
import type { CallbackAttemptsOptions, VerifiedCallback } from './callback-attempts.ts';
import { CallbackSource } from './callback-source.ts';
import type { CallbackSourceOptions, Later, ToSend } from './callback-source.ts';
import { ParkedCallbacks } from './parked-callbacks.ts';
import { ReceiverSlots } from './receiver-slots.ts';
import { onlyReceiver, receiverOf } from './receiver.ts';

export interface CallbackDeliveriesOptions extends CallbackAttemptsOptions, CallbackSourceOptions {
  /** A patient connection. */
  readonly connection: Connection;
}

/** Jobs that a gateway has at once: those that it sends, and some that it only checks or parks. */
const concurrency = 288;
/** A message takes one slot for each started unit of this size. */
const bytesPerSlot = 1024 * 1024;

/** The delay after Redis has refused a command, in ms. */
const retryDelayMs = 1000;

/**
 * A gateway that stops waits this long for answers, in ms. Another gateway sends the unanswered messages
 * again.
 */
const stopGraceMs = 5000;

/** The receiver has no free slot. */
interface Busy {
  readonly receiver: string;
}

/**
 * Sends the callbacks of requests that have ended. Any gateway sends those of all. Each is sent at least
 * once, and again until its receiver accepts it or ten attempts were made. Each receiver has slots of its own
 * in each gateway.
 */
export class CallbackDeliveries {
  readonly #options: CallbackDeliveriesOptions;
  readonly #source: CallbackSource;
  readonly #slots = new ReceiverSlots();
  readonly #parked: ParkedCallbacks;
  readonly #attempts: CallbackAttempts;
  readonly #clock: RedisClock;
  readonly #garbled: GarbledCallbacks;
  readonly #life: StartStop;
  readonly #stopping = new AbortController();

  constructor(options: CallbackDeliveriesOptions) {
    this.#options = options;
    const { connection, keepMs, log } = options;
    this.#clock = clockOf(connection);
    this.#source = new CallbackSource(options);
    this.#attempts = new CallbackAttempts(options, this.#stopping.signal);
    const parked = new ParkedCallbacks(connection, this.#slots, keepMs, log);
    this.#parked = parked;
    const garbled = new GarbledCallbacks(connection, log);
    this.#garbled = garbled;
    const consumer = new CallbackConsumer({
      connection,
      concurrency,
      handle: (job) => this.#handle(job),
      onError: (error) => {
        log.warn({ err: error }, 'the queue of callbacks reports an error');
        void garbled.after(error);
      },
      log,
    });
    this.#life = startStop(
      async () => {
        await parked.start();
        await consumer.start();
      },
      async () => {
        const timer = setTimeout(() => this.#stopping.abort(), stopGraceMs);
        await consumer.stop();
        clearTimeout(timer);
        await parked.stop();
      },
    );
  }

  start(): Promise<void> {
    return this.#life.start();
  }

  /** Takes no more callbacks, and resolves once those that are being sent are answered. */
  stop(): Promise<void> {
    return this.#life.stop();
  }

  async #handle(job: TakenCallback): Promise<'finished' | 'delayed'> {
    const { log } = this.#options;
    // BullMQ gives up a job whose handling rejects.
    const later = await this.#settle(job).catch((error: unknown): Later => {
      log.warn({ request: job.id, err: error }, 'Redis refuses what has to be known of a callback');
      return { at: this.#clock.now() + retryDelayMs };
    });
    if (later === undefined) return 'finished';
    const putBack = 'receiver' in later ? this.#parked.park(job, later.receiver) : job.delay(later.at);
    await putBack.catch((error: unknown) =>
      // It stays active until its lock expires, as a callback of a dead gateway does.
      log.warn({ request: job.id, err: error }, 'a callback could not be put back'),
    );
    return 'delayed';
  }

  /** Sends the job if a gateway has written it, else moves it aside. */
  async #settle(job: TakenCallback): Promise<Later | Busy | undefined> {
    const { id, data } = job;
    if (!isCallback(data)) return this.#reject(job, 'garbled');
    if (this.#options.macs.verify(id, data)) return this.#send({ id, data, job });
    return this.#reject(job, data.mac === undefined ? 'unsigned' : 'forged');
  }

  async #reject({ id, data }: TakenCallback, why: CallbackFault): Promise<undefined> {
    await this.#garbled.keep(id, data, why);
  }

  /**
   * Sends a callback if its receiver has a free slot. If the receiver is known, the slot is taken before the
   * request is read, so that no more requests are read than sent.
   */
  async #send(callback: VerifiedCallback): Promise<Later | Busy | undefined> {
    const { id, data } = callback;
    const only = data.message === undefined ? onlyReceiver(data) : receiverOf(data.message.url);
    if (only !== undefined) return this.#withSlots(only, 1, 0, () => this.#sendTo(only, callback));
    const toSend = await this.#source.find(id, data);
    if (toSend === undefined || 'at' in toSend) return toSend;
    const receiver = receiverOf(toSend.url);
    return this.#withSlots(receiver, 1, 0, () => this.#sendFrom(toSend, receiver, callback));
  }

  async #sendTo(receiver: string, callback: VerifiedCallback): Promise<Later | Busy | undefined> {
    const toSend = await this.#source.find(callback.id, callback.data);
    if (toSend === undefined || 'at' in toSend) return toSend;
    return this.#sendFrom(toSend, receiver, callback);
  }

  /** A large message takes more slots than the one that it has. */
  async #sendFrom(
    { url, bytes, payload }: ToSend,
    receiver: string,
    callback: VerifiedCallback,
  ): Promise<Later | Busy | undefined> {
    const more = Math.floor(bytes / bytesPerSlot);
    if (more === 0) return this.#attempts.attempt(callback, url, await payload());
    return this.#withSlots(receiver, more, 1, async () =>
      this.#attempts.attempt(callback, url, await payload()),
    );
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
      // If a large message found too few slots, another callback would find too few as well.
      if (result === undefined || !('receiver' in result)) this.#parked.freed(receiver);
    }
  }
}
