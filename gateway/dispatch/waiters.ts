import type { HttpReply } from '#shared/contract/http.ts';
import type { JobData } from '#shared/contract/job.ts';
import type { Problem } from '#shared/contract/errors.ts';
import { SlotMap } from '#shared/v8/slot-array.ts';
import type { HeldBytes } from '../request/held-bytes.ts';
import type { LookNumber } from './queue-count.ts';
import type { QueueCounts } from './queue-counts.ts';

/**
 * How far a request is:
 *
 * - `adding` -> `waiting` when its job is with Redis, or may be;
 * - `waiting` -> `adding` when the job is handed over again;
 * - `waiting` -> `fetching` when a reply has come whose body is in a key of its own, and back where that is gone;
 * - `adding` -> `left` when nobody waits any more and the job, once it has arrived, is to be taken back.
 *
 * A request is looked after (see `lost-requests.ts`) only while it is `waiting`; what is under way ends by itself.
 */
export type Phase = 'adding' | 'waiting' | 'fetching' | 'left';

/** A request whose answer is waited for. */
export interface Waiter {
  readonly id: string;
  /** The hash key, by which its replica was selected. */
  readonly key: string;
  readonly replica: string;
  /** When it came, in ms since the epoch. */
  readonly accepted: number;
  readonly job: JobData;
  /** The request's body, which travels apart from the job where it is large. */
  readonly body: Uint8Array;
  phase: Phase;
  readonly settle: (replica: string | undefined, result: HttpReply | Problem) => void;
}

interface Entry {
  readonly waiter: Waiter;
  readonly timer: NodeJS.Timeout;
  /** Since when, by `performance.now()`. */
  readonly since: number;
  /** What its queue's count has given; undefined while the job is on its way. */
  added: LookNumber | undefined;
}

/** The requests of this gateway whose answers are waited for, each until its deadline. */
export class Waiters {
  readonly #waiters = new SlotMap<Entry>();
  readonly #countOf = new Map<string, number>();
  readonly #counts: QueueCounts;
  readonly #held: HeldBytes;

  /**
   * @param counts of the replicas' queues: each request is counted there until it is waited for no more.
   * @param held counts the bytes of their bodies.
   */
  constructor(counts: QueueCounts, held: HeldBytes) {
    this.#counts = counts;
    this.#held = held;
  }

  get size(): number {
    return this.#waiters.size;
  }

  get ids(): readonly string[] {
    return [...this.#waiters.keys()];
  }

  /** The replicas that requests wait for. */
  get replicas(): Iterable<string> {
    return this.#countOf.keys();
  }

  /** How many requests wait for a replica. */
  countOf(replica: string): number {
    return this.#countOf.get(replica) ?? 0;
  }

  /** Those that have waited for at least so many ms, the longest first. */
  longerThan(ms: number): readonly Waiter[] {
    const until = performance.now() - ms;
    return this.#waiters
      .values()
      .filter(({ since }) => since <= until)
      .toSorted((one, other) => one.since - other.since)
      .map(({ waiter }) => waiter);
  }

  /** Whether this very waiter still waits; another one may wait for the same request by now. */
  holds(waiter: Waiter): boolean {
    return this.#waiters.get(waiter.id)?.waiter === waiter;
  }

  get(id: string): Waiter | undefined {
    return this.#waiters.get(id)?.waiter;
  }

  /** @param onTimeout called when the time is over and nobody has taken the waiter before. */
  add(waiter: Waiter, timeoutMs: number, onTimeout: (waiter: Waiter) => void): void {
    const { id, replica } = waiter;
    const timer = setTimeout(() => {
      if (this.take(id)) onTimeout(waiter);
    }, timeoutMs);
    this.#waiters.add(id, { waiter, timer, since: performance.now(), added: undefined });
    this.#counts.of(replica).send();
    this.#countOf.set(replica, this.countOf(replica) + 1);
    if (waiter.body.length > 0) this.#held.takeRequest(waiter.body.length);
  }

  /** The job of a waiter is with Redis, or may be. @returns false if it does not wait any more. */
  arrive(waiter: Waiter): boolean {
    const entry = this.#waiters.get(waiter.id);
    if (entry?.waiter !== waiter) return false;
    waiter.phase = 'waiting';
    entry.added ??= this.#counts.of(waiter.replica).arrive();
    return true;
  }

  /** @returns the waiter, who waits no more; undefined where it was taken before. */
  take(id: string): Waiter | undefined {
    const entry = this.#waiters.take(id);
    if (entry === undefined) return undefined;
    clearTimeout(entry.timer);
    const { waiter, added } = entry;
    const count = this.#counts.of(waiter.replica);
    if (added === undefined) count.drop();
    else count.end(added);
    if (waiter.body.length > 0) this.#held.giveRequest(waiter.body.length);
    const left = this.countOf(waiter.replica) - 1;
    if (left === 0) this.#countOf.delete(waiter.replica);
    else this.#countOf.set(waiter.replica, left);
    return waiter;
  }
}
