import type { QueueDepth } from '#shared/store/queue/queue-depths.ts';
import type { LoadWord } from '#shared/store/queue/queue-loads.ts';
import { LoadCount } from '../load/load-count.ts';

/** A queue is polled after this time in any case, in ms, since delayed requests are in no word. */
const seldomMs = 10_000;

/** Numbers the polls and words of a queue: the last one that was answered before a job was added. */
export type PollNumber = number;

/**
 * Estimates how many requests wait in the queue of one replica: those of the last poll, those that this
 * gateway has added since, and those on their way, less those that have ended. It never asks Redis.
 *
 * Jobs are added and the queue is polled on one connection. So a poll counts each job of this gateway that
 * was acknowledged before it, and none that is sent after it. Until the next poll, a job that is acknowledged
 * at the same time may be counted twice.
 */
export class QueueCount {
  #ready = 0;
  #delayed = 0;
  #added = 0;
  #underWay = 0;
  /** The last poll or word. */
  #moment: PollNumber = 0;
  /** The last poll. */
  #poll: PollNumber = 0;
  /** When the last poll was answered, on the `performance.now()` clock. */
  #polledAt = Number.NEGATIVE_INFINITY;
  /** Jobs of this gateway that have arrived since the last poll or word, which did not count them. */
  #untold = 0;
  readonly #load = new LoadCount();

  get size(): number {
    return this.#ready + this.#delayed + this.#added + this.#underWay;
  }

  /** The `CONCURRENCY` of the replica's worker, if it was seen. */
  get concurrency(): number | undefined {
    return this.#load.concurrency;
  }

  /** When Redis told the load last, on the `performance.now()` clock. */
  get toldAt(): number {
    return this.#load.toldAt;
  }

  /** When Redis told last how many requests with a priority wait, on the `performance.now()` clock. */
  get readAt(): number {
    return this.#load.readAt;
  }

  /**
   * @param limit requests that may wait in the queue.
   * @param now on the `performance.now()` clock.
   * @returns whether the queue has to be polled. The call that adds a job tells how many wait and run, so a
   * queue that is far from its limit is polled seldom.
   */
  isPollDue(limit: number, now: number): boolean {
    const isNear = 4 * this.size >= limit || 4 * this.load(now) >= limit;
    return isNear || this.#untold > 0 || now - this.#polledAt > seldomMs;
  }

  /** @returns whether Redis has told the load lately. */
  isLoadKnown(now: number): boolean {
    return this.#load.isKnown(now);
  }

  /**
   * Estimates the replica's load: the requests that wait there and those that run, streams excepted.
   * @param now on the `performance.now()` clock.
   */
  load(now: number): number {
    return this.#load.at(now) + this.#underWay;
  }

  /**
   * Takes a word of Redis about the load.
   * @param now on the `performance.now()` clock.
   * @param unacknowledged how many jobs of this gateway it counts that have not arrived yet.
   */
  tell(word: LoadWord, now: number, unacknowledged = 0): void {
    this.#moment += 1;
    // It counts the jobs that are about to arrive.
    this.#untold = -unacknowledged;
    this.#load.tell({ ...word, load: word.load - unacknowledged }, this.#moment, now);
  }

  /** Takes a word of Redis that may be older than the last one: all but the load, which the last one told. */
  supplement(word: LoadWord, now: number): void {
    this.#load.supplement(word, now);
  }

  /** A job is on its way to the queue. */
  send(): void {
    this.#underWay += 1;
  }

  /** A job that was on its way was not added, or its request has ended before the acknowledgement arrived. */
  drop(): void {
    this.#underWay -= 1;
  }

  /** A job that was on its way is in the queue. @returns the number that {@link end} takes. */
  arrive(): PollNumber {
    this.#underWay -= 1;
    this.#added += 1;
    this.#untold += 1;
    this.#load.arrive();
    return this.#moment;
  }

  /**
   * A request whose job was added has ended. If the job was added before the last poll, it waited then and
   * was taken since, or it was running and its worker has taken another job since.
   */
  end(added: PollNumber): void {
    this.#load.end(added);
    if (added >= this.#poll) this.#added = Math.max(0, this.#added - 1);
    else this.#ready = Math.max(0, this.#ready - 1);
  }

  /** Takes the result of a poll. */
  update({ ready, delayed }: QueueDepth, now = performance.now()): void {
    this.#polledAt = now;
    this.#untold = 0;
    this.#ready = ready;
    this.#delayed = delayed;
    this.#added = 0;
    this.#moment += 1;
    this.#poll = this.#moment;
  }
}

/** The place of one request in a count: on its way at first, then added, then free. */
export class Place {
  readonly #count: QueueCount;
  #added: PollNumber | 'not yet' | 'free' = 'not yet';

  private constructor(count: QueueCount) {
    this.#count = count;
    count.send();
  }

  /**
   * Holds a place while a job is added.
   * @param enqueue calls `arrive` if the job was added. If it does not, the place is free afterwards.
   */
  static async hold<T>(count: QueueCount, enqueue: (place: Place) => Promise<T>): Promise<T> {
    const place = new Place(count);
    try {
      return await enqueue(place);
    } finally {
      if (place.#added === 'not yet') place.free();
    }
  }

  /** The job is in the queue, or may be. */
  arrive(): void {
    if (this.#added === 'not yet') this.#added = this.#count.arrive();
  }

  /** The job was not added, or its request has ended. */
  free(): void {
    if (this.#added === 'not yet') this.#count.drop();
    else if (this.#added !== 'free') this.#count.end(this.#added);
    this.#added = 'free';
  }
}
