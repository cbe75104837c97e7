import type { LoadWord } from '#shared/store/queue/queue-loads.ts';

/** A word of Redis that is older than this is no longer used, in ms. */
export const maxWordAgeMs = 5000;

/**
 * Estimates the load of one replica: what Redis told last, and what this gateway has added since, less what
 * has ended since. A moment is a number that rises with each poll and each word of a replica's queue, so that
 * the end of a request is taken from the part that counts it.
 */
export class LoadCount {
  #told = 0;
  /** Requests with a priority that wait. Only some words of Redis say it: those that are asked for. */
  #prioritized = 0;
  /** When the last such word came, on the `performance.now()` clock. */
  #readAt = Number.NEGATIVE_INFINITY;
  #added = 0;
  /** The moment of the last word. */
  #moment = 0;
  /** When the last word came, on the `performance.now()` clock. */
  #toldAt = Number.NEGATIVE_INFINITY;
  #concurrency: number | undefined;

  /** The last `CONCURRENCY` that a worker of the replica has registered, if one was seen. */
  get concurrency(): number | undefined {
    return this.#concurrency;
  }

  /** When Redis told the load last, on the `performance.now()` clock. */
  get toldAt(): number {
    return this.#toldAt;
  }

  /** When Redis told last how many requests with a priority wait, on the `performance.now()` clock. */
  get readAt(): number {
    return this.#readAt;
  }

  /** @returns whether the last word may still be used. */
  isKnown(now: number): boolean {
    return now - this.#toldAt <= maxWordAgeMs;
  }

  /** @returns the load, without the requests that are on their way to the queue. */
  at(now: number): number {
    const prioritized = now - this.#readAt <= maxWordAgeMs ? this.#prioritized : 0;
    return (this.isKnown(now) ? this.#told : 0) + prioritized + this.#added;
  }

  /** A job of this gateway is in the queue. */
  arrive(): void {
    this.#added += 1;
  }

  /** @param added the moment at which the job of a request that has ended was added. */
  end(added: number): void {
    if (added >= this.#moment) this.#added = Math.max(0, this.#added - 1);
    else this.#told = Math.max(0, this.#told - 1);
  }

  /** Takes a word of Redis. It counts each job of this gateway that has arrived, and none that has not. */
  tell(word: LoadWord, moment: number, now: number): void {
    this.#told = Math.max(0, word.load);
    this.#added = 0;
    this.#moment = moment;
    this.#toldAt = now;
    this.supplement(word, now);
  }

  /** Takes from a word of Redis what does not change with each job. */
  supplement({ prioritized, concurrency }: Omit<LoadWord, 'load'>, now: number): void {
    this.#concurrency = concurrency ?? this.#concurrency;
    if (prioritized === undefined) return;
    this.#prioritized = prioritized;
    this.#readAt = now;
  }
}
