import { parseSummary } from '../../contract/dead-letter.ts';
import type { DeadLetterSummary } from '../../contract/dead-letter.ts';
import { parseJob } from '../../contract/job.ts';
import { isIncomplete } from '../../contract/redaction.ts';
import type { Logger } from '../../process/logger.ts';
import { parseLetter } from './dead-letter.ts';
import type { DeadLetter } from './dead-letter.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { countDeadLetters } from './dead-letter-count.ts';
import { KeyRepair, nullIfWrongType } from '../repair/key-repair.ts';
import { claimDeadLetter } from '../scripts/dead-letters.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';

/** Selects letters. A missing field selects all of them. */
export interface DeadLetterFilter {
  readonly replica?: string;
  readonly code?: string;
  /** When their requests ended, in ms since the epoch, both included. */
  readonly since?: number;
  readonly until?: number;
}

/** The end of a page. The next page begins after it. */
export interface PageEnd {
  readonly ended: number;
  readonly id: string;
}

export interface Page {
  /** The latest first. */
  readonly letters: readonly DeadLetterSummary[];
  /** Undefined if there are no more letters. */
  readonly next: PageEnd | undefined;
}

/** How many letters are read in one round trip. */
const chunk = 200;

/** The requests of all replicas that have failed for good. Workers file them. */
export class DeadLetters {
  readonly #connection: Connection;
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #run: Run;
  readonly #repair: KeyRepair;

  /** @param connection a fail-fast connection. */
  constructor(connection: Connection, log: Logger) {
    this.#connection = connection;
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#run = createRun(connection);
    this.#repair = new KeyRepair(connection, log);
  }

  /**
   * @param limit the most letters on the page.
   * @param after the end of the page before.
   */
  async page(filter: DeadLetterFilter, limit: number, after?: PageEnd): Promise<Page> {
    const letters: DeadLetterSummary[] = [];
    let end = after;
    for (;;) {
      const { entries, more } = await this.#entries(filter, end);
      const summaries = await this.#summaries(entries);
      for (const [at, found] of summaries.entries()) {
        end = entries[at];
        if (found === undefined || !matches(found, filter)) continue;
        letters.push(found);
        if (letters.length === limit) return { letters, next: end };
      }
      if (!more) return { letters, next: undefined };
    }
  }

  /** @returns how many letters are listed, a few expired ones among them. It costs one command. */
  count(): Promise<number> {
    return countDeadLetters(this.#connection);
  }

  /**
   * @returns whether a letter lacks a secret that was not kept, so that a redrive has to give it. The body is
   * not looked at; its job is read.
   */
  async isIncomplete(id: string): Promise<boolean> {
    const text = await nullIfWrongType(this.#redis.hget(this.#keys.deadLetter(id), 'job'));
    const job = text === null ? undefined : parseJob(text);
    return job === undefined || isIncomplete(job);
  }

  /** @returns undefined if there is no such letter, or no longer, or if it cannot be read. */
  async read(id: string): Promise<DeadLetter | undefined> {
    const key = this.#keys.deadLetter(id);
    const [summary, job, body, reply, bodies] = await this.#repair.withRepair(
      () => this.#redis.hmgetBuffer(key, 'summary', 'job', 'body', 'reply', 'bodies'),
      () => [{ key, type: 'hash' }],
    );
    if (!summary && !job) return undefined;
    const letter = parseLetter({ summary, job, body, reply, bodiesKept: String(bodies) !== 'none' });
    if (letter === undefined) await this.#repair.aside.key({ key, type: 'hash' });
    return letter;
  }

  /**
   * Gives a letter the id under which its request is redriven, unless it has one.
   * @returns the id that the letter has afterwards; undefined if there is no such letter.
   */
  claim(id: string, requestId: string): Promise<string | undefined> {
    return this.#run(claimDeadLetter, { letter: id, requestId });
  }

  /** @returns how many of these letters existed. */
  async remove(ids: readonly string[]): Promise<number> {
    if (ids.length === 0) return 0;
    const removed = await this.#redis.unlink(ids.map((id) => this.#keys.deadLetter(id)));
    await this.#redis.zrem(this.#keys.deadLetters, ...ids);
    return removed;
  }

  /** Reads the index. Letters of the same time are in the order of their ids, as Redis sorts them. */
  async #entries(
    { since = 0, until }: DeadLetterFilter,
    after: PageEnd | undefined,
  ): Promise<{ readonly entries: readonly PageEnd[]; readonly more: boolean }> {
    const key = this.#keys.deadLetters;
    const from = Math.min(until ?? Number.MAX_SAFE_INTEGER, after?.ended ?? Number.MAX_SAFE_INTEGER);
    const entries: PageEnd[] = [];
    for (let offset = 0; ; offset += chunk) {
      const found = await this.#repair.withRepair(
        () => this.#redis.zrevrangebyscore(key, from, since, 'WITHSCORES', 'LIMIT', offset, chunk),
        () => [{ key, type: 'zset' }],
      );
      for (let at = 0; at + 1 < found.length; at += 2) {
        const entry = { id: found[at] ?? '', ended: Number(found[at + 1]) };
        if (after === undefined || isBehind(entry, after)) entries.push(entry);
      }
      const more = found.length === 2 * chunk;
      if (entries.length > 0 || !more) return { entries, more };
    }
  }

  async #summaries(entries: readonly PageEnd[]): Promise<(DeadLetterSummary | undefined)[]> {
    const letters = entries.map(({ id }) => this.#keys.deadLetter(id));
    const found = await this.#repair.withRepair(
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

function isBehind(entry: PageEnd, after: PageEnd): boolean {
  return entry.ended < after.ended || (entry.ended === after.ended && entry.id < after.id);
}

function matches(letter: DeadLetterSummary, { replica, code, since = 0, until }: DeadLetterFilter): boolean {
  return (
    (replica === undefined || letter.replica === replica) &&
    (code === undefined || letter.code === code) &&
    letter.ended >= since &&
    letter.ended <= (until ?? letter.ended)
  );
}
