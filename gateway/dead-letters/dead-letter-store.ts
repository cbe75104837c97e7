import type { Redis } from 'ioredis';
import type { DeadLetterSummary } from '#shared/contract/dead-letter.ts';
import type { HttpRequest } from '#shared/contract/http.ts';
import { decodeJob, storedBody } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import { decodeReply } from '#shared/contract/reply.ts';
import type { Reply } from '#shared/contract/reply.ts';
import type { Keys } from '#shared/keys.ts';
import { scriptsOn } from '#shared/scripts/load.ts';

/** Which letters are meant. */
export interface DeadLetterFilter {
  readonly replica?: string;
  readonly code?: string;
  /** When their requests ended, in ms since the epoch, both included. */
  readonly since?: number;
  readonly until?: number;
}

/** Where a page ends: the next one begins behind it. */
export interface Place {
  readonly ended: number;
  readonly id: string;
}

export interface Page {
  /** The latest first. */
  readonly letters: readonly DeadLetterSummary[];
  /** Undefined where there are no more. */
  readonly next: Place | undefined;
}

/** A letter with all that is kept of it. */
export interface DeadLetter {
  readonly summary: DeadLetterSummary;
  readonly job: JobData;
  /** Undefined where its body is not there any more. */
  readonly request: HttpRequest | undefined;
  readonly reply: Reply | undefined;
}

/** Letters that are looked at in one round trip. */
const chunk = 200;

/** The requests that have failed for good, of all replicas. Workers file them. */
export class DeadLetterStore {
  readonly #redis: Redis;
  readonly #keys: Keys;

  /** @param redis a fail-fast connection. */
  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /**
   * @param limit of letters on the page.
   * @param after where the page before ended.
   */
  async page(filter: DeadLetterFilter, limit: number, after?: Place): Promise<Page> {
    const letters: DeadLetterSummary[] = [];
    let place = after;
    for (;;) {
      const { places, more } = await this.#places(filter, place);
      const summaries = await this.#summaries(places);
      for (const [at, found] of summaries.entries()) {
        place = places[at];
        if (found === undefined || !matches(found, filter)) continue;
        letters.push(found);
        if (letters.length === limit) return { letters, next: place };
      }
      if (!more) return { letters, next: undefined };
    }
  }

  /** @returns undefined where there is no such letter, or not any more. */
  async read(id: string): Promise<DeadLetter | undefined> {
    const [summary, job, body, reply] = await this.#redis.hmgetBuffer(
      this.#keys.deadLetter(id),
      'summary',
      'job',
      'body',
      'reply',
    );
    if (!summary || !job) return undefined;
    // Only workers write them.
    const data = JSON.parse(job.toString()) as JobData;
    return {
      summary: JSON.parse(summary.toString()) as DeadLetterSummary,
      job: data,
      request: storedBody(data) && !body ? undefined : decodeJob(data, body ?? undefined),
      reply: reply ? decodeReply(reply) : undefined,
    };
  }

  /**
   * Gives a letter the id under which it is handed over again, unless it has one.
   * @returns the one that it has now; undefined where there is no such letter.
   */
  async claim(id: string, requestId: string): Promise<string | undefined> {
    const held = await scriptsOn(this.#redis)('claim-dead-letter', this.#keys.deadLetter(id), requestId);
    return typeof held === 'string' ? held : undefined;
  }

  /** @returns how many of these letters were there. */
  async remove(ids: readonly string[]): Promise<number> {
    if (ids.length === 0) return 0;
    const removed = await this.#redis.unlink(ids.map((id) => this.#keys.deadLetter(id)));
    await this.#redis.zrem(this.#keys.deadLetters, ...ids);
    return removed;
  }

  /** Letters of the same time are told apart by their ids, as Redis orders them. */
  async #places(
    { since = 0, until }: DeadLetterFilter,
    after: Place | undefined,
  ): Promise<{ readonly places: readonly Place[]; readonly more: boolean }> {
    const from = Math.min(until ?? Number.MAX_SAFE_INTEGER, after?.ended ?? Number.MAX_SAFE_INTEGER);
    const places: Place[] = [];
    for (let offset = 0; ; offset += chunk) {
      const found = await this.#redis.zrevrangebyscore(
        this.#keys.deadLetters,
        from,
        since,
        'WITHSCORES',
        'LIMIT',
        offset,
        chunk,
      );
      for (let at = 0; at + 1 < found.length; at += 2) {
        const place = { id: found[at] ?? '', ended: Number(found[at + 1]) };
        if (after === undefined || isBehind(place, after)) places.push(place);
      }
      const more = found.length === 2 * chunk;
      if (places.length > 0 || !more) return { places, more };
    }
  }

  async #summaries(places: readonly Place[]): Promise<(DeadLetterSummary | undefined)[]> {
    const found = await Promise.all(
      places.map(({ id }) => this.#redis.hget(this.#keys.deadLetter(id), 'summary')),
    );
    return found.map((text) => (text === null ? undefined : (JSON.parse(text) as DeadLetterSummary)));
  }
}

function isBehind(place: Place, after: Place): boolean {
  return place.ended < after.ended || (place.ended === after.ended && place.id < after.id);
}

function matches(letter: DeadLetterSummary, { replica, code, since = 0, until }: DeadLetterFilter): boolean {
  return (
    (replica === undefined || letter.replica === replica) &&
    (code === undefined || letter.code === code) &&
    letter.ended >= since &&
    letter.ended <= (until ?? letter.ended)
  );
}
