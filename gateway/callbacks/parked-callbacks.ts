import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import type { CallbackData } from '#shared/store/callbacks.ts';
import { expectedOfQueue } from '#shared/store/repair/expected-keys.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import { startStop } from '#shared/process/lifecycle.ts';
import type { StartStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { periodically } from '#shared/process/periodically.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { RedisClock } from '#shared/store/redis/redis-clock.ts';
import { scriptsOn } from '#shared/store/scripts/load.ts';
import type { RunScript } from '#shared/store/scripts/load.ts';
import { holdForCallback } from './callback-notes.ts';
import type { ReceiverSlots } from './receiver-slots.ts';

/** A parked callback comes back by itself after this time, and up to twice this time, in ms. */
const parkedMs = 30_000;
/** The set of a receiver's parked callbacks is forgotten after the last of them has come back, in ms. */
const setTtlMs = 3 * parkedMs;
/** Jobs at the head of the queue that one call looks at: about a millisecond of Redis' time. */
const lookedAt = 200;
/** If one call has parked fewer, the rest is parked one by one. */
const worthAnotherLook = 20;
/** Receivers of one call; the script takes as many. */
const receiversAtOnce = 16;
/** How often a receiver is looked after whose parked callbacks no end of an attempt has brought back, in ms. */
const tickMs = 1000;
/** Receivers that are looked after at most, and at one time. Callbacks of others come back by themselves. */
const mostReceivers = 10_000;
const mostAtOnce = 64;
/** Callbacks of a receiver that one look brings back at most. */
const mostBack = 8;

interface Parked {
  readonly receiver: string;
  readonly id: string;
}

/**
 * Callbacks that are due and whose receiver has no free slot. They wait in BullMQ's delayed set, so none is lost when
 * its gateway dies: each comes back by itself within a minute. A set of ids for each receiver says which of them can
 * be brought back as soon as a slot is free. When one callback is parked, those of such receivers that are next in the
 * queue are parked with it, many in one call, so that callbacks of other receivers come up at once.
 */
export class ParkedCallbacks {
  readonly #clock: RedisClock;
  readonly #keepMs: number;
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #slots: ReceiverSlots;
  readonly #log: Logger;
  readonly #run: RunScript;
  readonly #repair: KeyRepair;
  readonly #life: StartStop;
  /** Put off by this gateway, and not noted yet. */
  readonly #unnoted: Parked[] = [];
  /** Requests that have to be known until their callbacks are told. */
  readonly #toHold: string[] = [];
  /** Receivers that may have parked callbacks, and until when, in ms of `performance.now()`; the next one is first. */
  readonly #receivers = new Map<string, number>();
  readonly #calls = new Set<Promise<unknown>>();
  #parking: Promise<void> | undefined;

  /** @param keepMs time in ms for which what is known of a request is kept after its end. */
  constructor(redis: Redis, keys: Keys, slots: ReceiverSlots, keepMs: number, log: Logger) {
    this.#keepMs = keepMs;
    this.#clock = clockOf(redis);
    this.#redis = redis;
    this.#keys = keys;
    this.#slots = slots;
    this.#log = log;
    this.#run = scriptsOn(redis);
    this.#repair = new KeyRepair(redis, keys, log);
    const tick = periodically(tickMs, () => this.#lookAfter(), this.#failed);
    this.#life = startStop(
      () => tick.start(),
      async () => {
        await tick.stop();
        await this.#parking;
        await this.#holdRequests();
        await Promise.all(this.#calls);
      },
    );
  }

  start(): Promise<void> {
    return this.#life.start();
  }

  stop(): Promise<void> {
    return this.#life.stop();
  }

  /**
   * Puts off a job that BullMQ has given to this gateway, and those that are next in the queue and have no slot either.
   * BullMQ takes the next job after that.
   * @param token of the job's lock.
   * @throws if the job could not be put off; it is still active then.
   */
  async park(job: Job<CallbackData>, token: string | undefined, receiver: string): Promise<void> {
    const at = this.#clock.now() + Math.ceil(parkedMs * (1 + Math.random()));
    // At once: meanwhile BullMQ takes further jobs for its free places, one by one.
    void this.#startParking();
    await job.moveToDelayed(this.#clock.toOwn(at), token);
    this.#unnoted.push({ receiver, id: job.id ?? '' });
    await this.#startParking();
  }

  /** A slot of a receiver is free: one of its parked callbacks is brought back. */
  freed(receiver: string): void {
    if (!this.#receivers.has(receiver)) return;
    this.#track(this.#bringBack(receiver, 1).catch(this.#failed));
  }

  #startParking(): Promise<void> {
    this.#parking ??= this.#parkNext().finally(() => {
      this.#parking = undefined;
      // What was put off while the last call was answered.
      if (this.#unnoted.length > 0) void this.#startParking();
    });
    return this.#parking;
  }

  /** Notes what was put off, and puts off what is next in the queue, while that is a good part of it. Never rejects. */
  async #parkNext(): Promise<void> {
    try {
      let moved = 0;
      do {
        const noted = this.#unnoted.splice(0, lookedAt);
        const receivers = this.#without(noted);
        const first = receivers[0];
        if (first === undefined) return;
        const padded = Array.from({ length: receiversAtOnce }, (_, at) => receivers[at] ?? first);
        const now = noted.filter(({ receiver }) => receivers.includes(receiver));
        this.#unnoted.unshift(...noted.filter(({ receiver }) => !receivers.includes(receiver)));
        const result = await this.#mending(receivers, () => this.#callPark(padded, now));
        const ids = result as string[]; // as the script returns them
        moved = ids.length;
        for (const receiver of receivers) this.#remember(receiver);
        this.#toHold.push(...ids, ...now.map(({ id }) => id));
      } while (moved >= worthAnotherLook || this.#unnoted.length > 0);
      // Otherwise there is time for other callbacks first.
      if (this.#keepMs < setTtlMs) await this.#holdRequests();
    } catch (error) {
      this.#failed(error);
    }
  }

  async #holdRequests(): Promise<void> {
    await Promise.all(this.#toHold.splice(0).map((id) => this.#hold(id)));
  }

  /** One record that Redis refuses to keep must not stop the others. */
  #hold(id: string): Promise<void> {
    return holdForCallback(this.#redis, this.#keys, id, setTtlMs).catch(this.#failed);
  }

  /** @param call does not reject; a stop waits for it. */
  #track(call: Promise<unknown>): void {
    this.#calls.add(call);
    void call.finally(() => this.#calls.delete(call));
  }

  /** @returns receivers that have no free slot, those of callbacks that were put off first. */
  #without(noted: readonly Parked[]): string[] {
    const receivers = new Set(noted.map(({ receiver }) => receiver));
    for (const receiver of this.#slots.receivers) {
      if (receivers.size >= receiversAtOnce) break;
      if (this.#slots.room(receiver) === 0) receivers.add(receiver);
    }
    return [...receivers].slice(0, receiversAtOnce);
  }

  #callPark(receivers: readonly string[], noted: readonly Parked[]): Promise<unknown> {
    const { callbacks } = this.#keys;
    return this.#run(
      'park-callbacks',
      this.#keys.bullMq(callbacks, 'wait'),
      this.#keys.bullMq(callbacks, 'delayed'),
      ...receivers.map((receiver) => this.#keys.parkedCallbacks(receiver)),
      this.#keys.bullMq(callbacks, ''),
      this.#clock.now() + parkedMs,
      parkedMs,
      setTtlMs,
      lookedAt,
      ...receivers,
      ...noted.flatMap(({ receiver, id }) => [receiver, id]),
    );
  }

  async #bringBack(receiver: string, most: number): Promise<void> {
    const { callbacks } = this.#keys;
    const result = await this.#mending([receiver], () =>
      this.#run(
        'unpark-callbacks',
        this.#keys.parkedCallbacks(receiver),
        this.#keys.bullMq(callbacks, 'delayed'),
        this.#keys.bullMq(callbacks, 'wait'),
        this.#keys.bullMq(callbacks, 'marker'),
        most,
      ),
    );
    const [, left] = result as [number, number]; // as the script returns them
    if (left === 0) this.#receivers.delete(receiver);
  }

  /** Attempts may have ended before a callback was noted as parked, or in another gateway. */
  async #lookAfter(): Promise<void> {
    const now = performance.now();
    const calls: Promise<void>[] = [];
    // Each one that was looked after comes last again.
    const receivers = [...this.#receivers];
    for (const [receiver, until] of receivers) {
      if (calls.length === mostAtOnce) break;
      this.#receivers.delete(receiver);
      if (until < now) continue;
      this.#receivers.set(receiver, until);
      const room = this.#slots.room(receiver);
      if (room > 0) calls.push(this.#bringBack(receiver, Math.min(room, mostBack)));
    }
    await Promise.all([...calls, this.#holdRequests()]);
  }

  #remember(receiver: string): void {
    if (this.#receivers.size >= mostReceivers && !this.#receivers.has(receiver)) return;
    this.#receivers.set(receiver, performance.now() + setTtlMs);
  }

  #mending<T>(receivers: readonly string[], act: () => Promise<T>): Promise<T> {
    return this.#repair.mending(act, () => [
      ...expectedOfQueue(this.#keys, this.#keys.callbacks),
      ...receivers.map((receiver) => ({ key: this.#keys.parkedCallbacks(receiver), type: 'zset' as const })),
    ]);
  }

  readonly #failed = (error: unknown): void => {
    this.#log.debug(
      { err: error },
      'callbacks were not brought back; they come by themselves within a minute',
    );
  };
}
