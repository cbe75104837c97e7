import type { Redis } from 'ioredis';
import { parseSummary } from '#shared/contract/dead-letter.ts';
import type { DeadLetterSummary } from '#shared/contract/dead-letter.ts';
import type { HttpRequest } from '#shared/contract/http.ts';
import { parseCaller } from '#shared/contract/caller.ts';
import type { Caller } from '#shared/contract/caller.ts';
import { decodeJob, parseJob, storedBody } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import { decodeReply } from '#shared/contract/reply.ts';
import type { Reply } from '#shared/contract/reply.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { scriptsOn } from '#shared/store/scripts/load.ts';

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
  /** Undefined where the request could not be read any more. */
  readonly request: LetterRequest | undefined;
  /** Whose request it was; undefined in a letter of a release that did not note it. */
  readonly caller: Caller | undefined;
  /** Without a body where bodies were not kept. */
  readonly reply: Reply | undefined;
}

/** A request without its secrets. Its body is undefined where it had one that was not kept. */
export type LetterRequest = Omit<HttpRequest, 'body'> & { readonly body: Uint8Array | undefined };

/** Letters that are looked at in one round trip. */
const chunk = 200;

/** The requests that have failed for good, of all replicas. Workers file them. */
export class DeadLetterStore {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #repair: KeyRepair;

  /** @param redis a fail-fast connection. */
  constructor(redis: Redis, keys: Keys, log: Logger) {
    this.#redis = redis;
    this.#keys = keys;
    this.#repair = new KeyRepair(redis, keys, log);
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

  /** @returns undefined where there is no such letter, or not any more, or it cannot be read. */
  async read(id: string): Promise<DeadLetter | undefined> {
    const key = this.#keys.deadLetter(id);
    const read = (): Promise<(Buffer | null)[]> =>
      this.#redis.hmgetBuffer(key, 'summary', 'job', 'body', 'reply', 'bodies');
    const [summary, job, body, reply, bodies] = await this.#repair.mending(read, () => [
      { key, type: 'hash' },
    ]);
    if (!summary && !job) return undefined;
    const letter = parseLetter(summary, job, body, reply, String(bodies) !== 'none');
    if (letter === undefined) await this.#repair.aside.key({ key, type: 'hash' });
    return letter;
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
      const key = this.#keys.deadLetters;
      const found = await this.#repair.mending(
        () => this.#redis.zrevrangebyscore(key, from, since, 'WITHSCORES', 'LIMIT', offset, chunk),
        () => [{ key, type: 'zset' }],
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
    const letters = places.map(({ id }) => this.#keys.deadLetter(id));
    const found = await this.#repair.mending(
      () => Promise.all(letters.map((key) => this.#redis.hget(key, 'summary'))),
      () => letters.map((key) => ({ key, type: 'hash' })),
    );
    return Promise.all(
      found.map(async (text, at) => {
        if (text === null) return undefined;
        const summary = parseSummary(text);
        if (summary === undefined) await this.#repair.aside.key({ key: letters[at] ?? '', type: 'hash' });
        return summary;
      }),
    );
  }
}

/** @returns undefined for fields that are not those of a letter. */
function parseLetter(
  summaryText: Buffer | null | undefined,
  jobText: Buffer | null | undefined,
  body: Buffer | null | undefined,
  frame: Buffer | null | undefined,
  bodiesKept: boolean,
): DeadLetter | undefined {
  const summary = parseSummary(String(summaryText));
  const job = parseJob(String(jobText));
  if (summary === undefined || job === undefined) return undefined;
  try {
    const reply = frame ? decodeReply(frame) : undefined;
    return {
      summary,
      request: requestOf(job, body ?? undefined, bodiesKept),
      caller: parseCaller(job.caller ?? ''),
      reply: reply === undefined || bodiesKept ? reply : { ...reply, body: undefined },
    };
  } catch {
    return undefined;
  }
}

/** @param body where it did not travel in the job. */
function requestOf(job: JobData, body: Buffer | undefined, bodiesKept: boolean): LetterRequest | undefined {
  if (!storedBody(job) || body !== undefined) return decodeJob(job, body);
  const { method, target, headers } = job;
  // What stands in for a job that could not be read has no fields; every request has some.
  return bodiesKept || headers.length === 0 ? undefined : { method, target, headers, body: undefined };
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
