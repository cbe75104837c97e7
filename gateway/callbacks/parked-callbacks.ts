import { startStop } from '#shared/process/lifecycle.ts';
import type { StartStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { periodically } from '#shared/process/periodically.ts';
import type { TakenCallback } from '#shared/store/callbacks/callback-consumer.ts';
import { CallbackNotes } from '#shared/store/callbacks/callback-notes.ts';
import { CallbackParking } from '#shared/store/callbacks/callback-parking.ts';
import { receiversPerCall } from '#shared/contract/callback.ts';
import type { DelayedCallback } from '#shared/contract/callback.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { RedisClock } from '#shared/store/redis/redis-clock.ts';
import type { ReceiverSlots } from './receiver-slots.ts';

/** A parked callback is due again by itself after this time, and up to twice this time, in ms. */
const parkedMs = 30_000;
/** The set of a receiver's parked callbacks expires after the last of them is due, in ms. */
const setTtlMs = 3 * parkedMs;
/** Jobs at the head of the queue that one call checks: about a millisecond of Redis's time. */
const maxChecked = 200;
/** If one call has parked fewer, the rest is parked one by one. */
const minForAnotherCall = 20;
/** How often parked callbacks are brought back that no end of an attempt has brought back, in ms. */
const tickMs = 1000;
/** Receivers that are remembered, and handled in one tick. Callbacks of others are due by themselves. */
const maxReceivers = 10_000;
const maxPerTick = 64;
/** Callbacks of one receiver that one tick brings back. */
const maxBroughtBack = 8;

/**
 * Parks callbacks that are due and whose receivers have no free slot. They wait in BullMQ's delayed set, so
 * none is lost if its gateway dies: each is due again within a minute. A set of ids for each receiver says
 * which of them can be brought back as soon as a slot is free. When one callback is parked, those of the same
 * receivers that are next in the queue are parked with it, many in one call, so that the callbacks of other
 * receivers are taken soon.
 */
export class ParkedCallbacks {
  readonly #clock: RedisClock;
  readonly #keepMs: number;
  readonly #parking: CallbackParking;
  readonly #notes: CallbackNotes;
  readonly #slots: ReceiverSlots;
  readonly #log: Logger;
  readonly #life: StartStop;
  /** Delayed by this gateway, and not in the set of their receiver yet. */
  readonly #delayed: DelayedCallback[] = [];
  /** Requests whose records must be kept until their callbacks are sent. */
  readonly #toHold: string[] = [];
  /**
   * Receivers that may have parked callbacks, and until when on the `performance.now()` clock. The next one
   * to handle is first.
   */
  readonly #receivers = new Map<string, number>();
  readonly #calls = new Set<Promise<unknown>>();
  #underWay: Promise<void> | undefined;

  /** @param keepMs how long the record of a request is kept after its end, in ms. */
  constructor(connection: Connection, slots: ReceiverSlots, keepMs: number, log: Logger) {
    this.#keepMs = keepMs;
    this.#clock = clockOf(connection);
    this.#parking = new CallbackParking(connection, log);
    this.#notes = new CallbackNotes(connection);
    this.#slots = slots;
    this.#log = log;
    const tick = periodically(tickMs, () => this.#tick(), this.#failed);
    this.#life = startStop(
      () => tick.start(),
      async () => {
        await tick.stop();
        await this.#underWay;
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
   * Parks a job that this gateway has taken, and those that are next in the queue and have no slot either.
   * BullMQ takes the next job after that.
   * @throws if the job could not be delayed; it is still active then.
   */
  async park(job: TakenCallback, receiver: string): Promise<void> {
    const due = this.#clock.now() + Math.ceil(parkedMs * (1 + Math.random()));
    // At once: meanwhile BullMQ takes further jobs for its free places, one by one.
    void this.#startParking();
    await job.delay(due);
    this.#delayed.push({ receiver, id: job.id });
    await this.#startParking();
  }

  /** A slot of a receiver is free: one of its parked callbacks is brought back. */
  freed(receiver: string): void {
    if (!this.#receivers.has(receiver)) return;
    this.#track(this.#bringBack(receiver, 1).catch(this.#failed));
  }

  #startParking(): Promise<void> {
    this.#underWay ??= this.#parkNext().finally(() => {
      this.#underWay = undefined;
      // These were delayed while the last call was in progress.
      if (this.#delayed.length > 0) void this.#startParking();
    });
    return this.#underWay;
  }

  /** Parks what was delayed and what is next in the queue, until a call parks only a few. Never rejects. */
  async #parkNext(): Promise<void> {
    try {
      let moved = 0;
      do {
        const taken = this.#delayed.splice(0, maxChecked);
        const [first, ...others] = this.#busyReceivers(taken);
        if (first === undefined) return;
        const receivers = [first, ...others] as const;
        const now = taken.filter(({ receiver }) => receivers.includes(receiver));
        this.#delayed.unshift(...taken.filter(({ receiver }) => !receivers.includes(receiver)));
        const ids = await this.#parking.park({
          receivers,
          delayed: now,
          firstDue: this.#clock.now() + parkedMs,
          spreadMs: parkedMs,
          setTtlMs,
          maxChecked,
        });
        moved = ids.length;
        for (const receiver of receivers) this.#remember(receiver);
        this.#toHold.push(...ids, ...now.map(({ id }) => id));
      } while (moved >= minForAnotherCall || this.#delayed.length > 0);
      // Records that are kept for longer can wait until the next tick, so that other callbacks go first.
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
    return this.#notes.hold(id, setTtlMs).catch(this.#failed);
  }

  /** @param call does not reject; a stop waits for it. */
  #track(call: Promise<unknown>): void {
    this.#calls.add(call);
    void call.finally(() => this.#calls.delete(call));
  }

  /** @returns receivers without a free slot for one call, those of the delayed callbacks first. */
  #busyReceivers(delayed: readonly DelayedCallback[]): string[] {
    const receivers = new Set(delayed.map(({ receiver }) => receiver));
    for (const receiver of this.#slots.receivers) {
      if (receivers.size >= receiversPerCall) break;
      if (this.#slots.room(receiver) === 0) receivers.add(receiver);
    }
    return [...receivers].slice(0, receiversPerCall);
  }

  async #bringBack(receiver: string, max: number): Promise<void> {
    const left = await this.#parking.bringBack(receiver, max);
    if (left === 0) this.#receivers.delete(receiver);
  }

  /** An attempt may have ended before a callback was parked, or at another gateway. */
  async #tick(): Promise<void> {
    const now = performance.now();
    const calls: Promise<void>[] = [];
    // Each receiver that was handled goes to the end.
    const receivers = [...this.#receivers];
    for (const [receiver, until] of receivers) {
      if (calls.length === maxPerTick) break;
      this.#receivers.delete(receiver);
      if (until < now) continue;
      this.#receivers.set(receiver, until);
      const room = this.#slots.room(receiver);
      if (room > 0) calls.push(this.#bringBack(receiver, Math.min(room, maxBroughtBack)));
    }
    await Promise.all([...calls, this.#holdRequests()]);
  }

  #remember(receiver: string): void {
    if (this.#receivers.size >= maxReceivers && !this.#receivers.has(receiver)) return;
    this.#receivers.set(receiver, performance.now() + setTtlMs);
  }

  readonly #failed = (error: unknown): void => {
    this.#log.debug(
      { err: error },
      'callbacks were not brought back; they return by themselves within a minute',
    );
  };
}
