import { readRecord } from '../../contract/request-record.ts';
import type { RequestRecord } from '../../contract/request-record.ts';
import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import { nullIfWrongType } from '../repair/key-repair.ts';
import { removeIndexed } from '../scripts/request-notes.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';
import { IndexedReplicas } from './indexed-replicas.ts';
import { IndexReader } from './index-reader.ts';
import type { IndexEntry, Moment, Period } from './index-reader.ts';

/** Selects requests that have records. */
export interface RequestFilter extends Period {
  /** Digests of hash keys, any of which a request may have; undefined for all requests. */
  readonly digests?: readonly string[];
  readonly replica?: string;
  /** What the indexes do not say; undefined if they say all. */
  readonly matches?: (record: RequestRecord) => boolean;
}

export interface FoundRequest {
  readonly id: string;
  readonly replica: string;
  readonly record: RequestRecord;
}

export interface FoundPage {
  /** The latest first. */
  readonly requests: readonly FoundRequest[];
  /** Undefined if there are certainly no more. */
  readonly next: Moment | undefined;
}

/** Records that are read in one round trip. */
const chunk = 200;
/** Round trips for one page. A page whose filter few requests match may be short. */
const maxSteps = 10;

/** Finds requests that have records, in the indexes of all replicas. */
export class RequestSearch {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #clock: RedisClock;
  readonly #run: Run;
  readonly #index: IndexReader;
  readonly #replicas: IndexedReplicas;
  readonly #present: () => Iterable<string>;
  readonly #log: Logger;

  /** @param present names the replicas that there are now. Replicas that are gone are found in Redis. */
  constructor(connection: Connection, present: () => Iterable<string>, log: Logger) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#clock = clockOf(connection);
    this.#run = createRun(connection);
    this.#index = new IndexReader(connection);
    this.#replicas = new IndexedReplicas(connection, log);
    this.#present = present;
    this.#log = log;
  }

  /** @returns the names of the replicas whose requests can be found. */
  async replicas(): Promise<readonly string[]> {
    return [...new Set([...this.#present(), ...(await this.#replicas.read())])];
  }

  /**
   * @param limit the most requests on the page.
   * @param after the end of the page before.
   */
  async page(filter: RequestFilter, limit: number, after: Moment | undefined): Promise<FoundPage> {
    const { digests, replica, matches } = filter;
    const replicas = replica === undefined ? await this.replicas() : [replica];
    const parts = replicas.flatMap((name) =>
      digests === undefined
        ? [this.#index.byTime(name)]
        : digests.map((digest) => this.#index.byKey(name, digest)),
    );
    const requests: FoundRequest[] = [];
    let end = after;
    for (let step = 0; step < maxSteps; step += 1) {
      const count = matches === undefined ? limit - requests.length : chunk;
      const { entries, more } = await this.#index.read(parts, filter, end, count);
      const records = await this.#records(entries);
      for (const [at, record] of records.entries()) {
        const entry = entries[at];
        if (entry === undefined) continue;
        end = entry;
        if (record === undefined || matches?.(record) === false) continue;
        requests.push({ id: entry.id, replica: record.queue ?? entry.part.replica, record });
        if (requests.length < limit) continue;
        return { requests, next: more || at + 1 < entries.length ? end : undefined };
      }
      if (!more) return { requests, next: undefined };
    }
    return { requests, next: end };
  }

  /** Reads records in one round trip. The entries of those that are gone are removed from the indexes. */
  async #records(entries: readonly IndexEntry[]): Promise<readonly (RequestRecord | undefined)[]> {
    const hashes = await Promise.all(
      entries.map(({ id, part }) =>
        nullIfWrongType(this.#redis.hgetall(this.#keys.request(part.replica, id))),
      ),
    );
    const now = this.#clock.now();
    const gone = entries.filter((_, at) => Object.keys(hashes[at] ?? {}).length === 0);
    if (gone.length > 0)
      this.#forget(gone).catch((error: unknown) =>
        this.#log.debug({ err: error }, 'an index was not cleaned'),
      );
    return hashes.map((hash) => readRecord(hash ?? {}, now));
  }

  async #forget(gone: readonly IndexEntry[]): Promise<void> {
    await this.#index.remove(gone);
    const byReplica = Map.groupBy(gone, ({ part }) => part.replica);
    for (const [replica, entries] of byReplica) {
      // An entry by key does not say whether the request had a callback.
      const requests = entries.flatMap(({ part, ...entry }) => {
        const digest = entry.digest ?? (part.prefix === '' ? undefined : part.prefix.trim());
        return [true, false].map((callback) => ({ ...entry, digest, callback }));
      });
      await this.#run(removeIndexed, { replica, requests });
    }
  }
}
