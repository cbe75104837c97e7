/** Jobs of a queue that no worker has taken. */
export interface Pending {
  /** A worker could take them now. */
  readonly ready: number;
  /** They are not due yet, or are put back until their turn. */
  readonly delayed: number;
}

/** Which look at the queue was the last one before a job was added. */
export type LookNumber = number;

/**
 * Estimates how many requests wait in the queue of one replica: what waited at the last look, what this
 * gateway has added since, and what is on its way to the queue. A request that is known to have ended is
 * taken off. It never asks Redis.
 *
 * Jobs are added and the queue is looked at on one connection. So the result of a look has in it each job of
 * this gateway that was acknowledged before it, and none that is sent after it. One that is acknowledged in
 * the same moment may be counted twice until the next look.
 */
export class QueueCount {
  #ready = 0;
  #delayed = 0;
  #added = 0;
  #underWay = 0;
  #look: LookNumber = 0;

  get size(): number {
    return this.#ready + this.#delayed + this.#added + this.#underWay;
  }

  /** A job is on its way to the queue. */
  send(): void {
    this.#underWay += 1;
  }

  /** A job that was on its way comes to nothing, or its request has ended before its arrival was known. */
  drop(): void {
    this.#underWay -= 1;
  }

  /** A job that was on its way is in the queue. @returns what {@link end} is told when the request ends. */
  arrive(): LookNumber {
    this.#underWay -= 1;
    this.#added += 1;
    return this.#look;
  }

  /**
   * A request whose job was added has ended. If that was before the last look, its job waited then and was
   * taken since, or it was being run and its worker has taken another one since.
   */
  end(added: LookNumber): void {
    if (added === this.#look) this.#added = Math.max(0, this.#added - 1);
    else this.#ready = Math.max(0, this.#ready - 1);
  }

  /** The result of a look has come. */
  seen({ ready, delayed }: Pending): void {
    this.#ready = ready;
    this.#delayed = delayed;
    this.#added = 0;
    this.#look += 1;
  }
}

/** The place of one request in a count: on its way at first, then added, then free. */
export class Place {
  readonly #count: QueueCount;
  #added: LookNumber | 'not yet' | 'free' = 'not yet';

  private constructor(count: QueueCount) {
    this.#count = count;
    count.send();
  }

  /**
   * Holds a place while a request is handed over.
   * @param handOver has the place arrive if the job was added; else the place is free afterwards.
   */
  static async hold<T>(count: QueueCount, handOver: (place: Place) => Promise<T>): Promise<T> {
    const place = new Place(count);
    try {
      return await handOver(place);
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
