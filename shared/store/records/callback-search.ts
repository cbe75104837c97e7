import { isCallback, shownReceiver } from '../../contract/callback.ts';
import { parseObject } from '../../contract/json-object.ts';
import { callbackStates, readRecord } from '../../contract/request-record.ts';
import type { CallbackRecord, CallbackState } from '../../contract/request-record.ts';
import { scorePerMs } from '../redis/bullmq-time.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import { nullIfWrongType } from '../repair/key-repair.ts';
import { IndexReader } from './index-reader.ts';
import type { IndexEntry, Moment } from './index-reader.ts';

export interface FoundCallback extends CallbackRecord {
  /** The id of its request. */
  readonly request: string;
  /** Scheme, host and path of the receiver; undefined if it is not known, or no longer. */
  readonly receiver: string | undefined;
  /** When it is sent again, in ms since the epoch, in Redis time; undefined if it is not. */
  readonly nextAt: number | undefined;
}

/** Round trips for one page. */
const maxSteps = 5;
const retrying = 'retrying';
const always = { from: 0, to: Number.MAX_SAFE_INTEGER };

/** Finds the callbacks of requests in the indexes of all replicas. */
export class CallbackSearch {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #clock: RedisClock;
  readonly #index: IndexReader;
  readonly #replicas: () => Promise<readonly string[]>;

  /** @param replicas names the replicas whose requests can be found. */
  constructor(connection: Connection, replicas: () => Promise<readonly string[]>) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#clock = clockOf(connection);
    this.#index = new IndexReader(connection);
    this.#replicas = replicas;
  }

  /** @returns how many callbacks are in each state that any is in. It costs the same for any number. */
  async counts(): Promise<Partial<Record<CallbackState, number>>> {
    const replicas = await this.#replicas();
    const parts = callbackStates.flatMap((state) =>
      replicas.map((name) => this.#index.ofCallbacks(name, state)),
    );
    const counts: Partial<Record<CallbackState, number>> = {};
    for (const [at, count] of (await this.#index.count(parts)).entries()) {
      const state = callbackStates[Math.floor(at / replicas.length)];
      if (state !== undefined && count > 0) counts[state] = (counts[state] ?? 0) + count;
    }
    return counts;
  }

  /**
   * @param state undefined for all states.
   * @param limit the most callbacks on the page.
   * @param after the end of the page before.
   * @returns those of the latest requests first, and the end of the page; undefined if there are no more.
   */
  async page(
    state: CallbackState | undefined,
    limit: number,
    after: Moment | undefined,
  ): Promise<{ readonly callbacks: readonly FoundCallback[]; readonly next: Moment | undefined }> {
    const replicas = await this.#replicas();
    const states = state === undefined ? callbackStates : [state];
    const parts = states.flatMap((each) => replicas.map((name) => this.#index.ofCallbacks(name, each)));
    const callbacks: FoundCallback[] = [];
    let end = after;
    for (let step = 0; step < maxSteps; step += 1) {
      const { entries, more } = await this.#index.read(parts, always, end, limit - callbacks.length);
      end = entries.at(-1) ?? end;
      const found = await Promise.all(entries.map((entry) => this.#read(entry)));
      const gone = entries.filter((_, at) => found[at] === undefined);
      await this.#index.remove(gone);
      callbacks.push(...found.filter((each) => each !== undefined));
      if (!more) return { callbacks, next: undefined };
      if (callbacks.length >= limit) break;
    }
    return { callbacks, next: end };
  }

  /** @returns undefined if neither the record of the request nor the job of the callback is there. */
  async #read({ id, part }: IndexEntry): Promise<FoundCallback | undefined> {
    const { callbacks } = this.#keys;
    const [hash, data, score] = await Promise.all([
      nullIfWrongType(this.#redis.hgetall(this.#keys.request(part.replica, id))),
      nullIfWrongType(this.#redis.hget(this.#keys.bullMq(callbacks, id), 'data')),
      nullIfWrongType(this.#redis.zscore(this.#keys.bullMq(callbacks, 'delayed'), id)),
    ]);
    const job = data === null ? undefined : parseObject(data);
    const sent = isCallback(job) ? job : undefined;
    const attempts = sent?.attempts ?? 0;
    // After the record is gone the job goes on.
    const rest =
      sent === undefined ? undefined : ({ state: attempts > 0 ? retrying : 'pending', attempts } as const);
    const record = readRecord(hash ?? {}, this.#clock.now())?.callback ?? rest;
    if (record === undefined) return undefined;
    const url = sent?.message?.url ?? sent?.url ?? sent?.failureUrl;
    return {
      ...record,
      request: id,
      receiver: hash?.['callbackTo'] ?? (url === undefined ? undefined : shownReceiver(url)),
      // Before it is sent for the first time it waits for the end of its request.
      nextAt:
        record.state === retrying && score !== null ? Math.floor(Number(score) / scorePerMs) : undefined,
    };
  }
}
