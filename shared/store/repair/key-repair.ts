import type { Redis } from '../redis/access.ts';
import { Aside } from './aside.ts';
import type { ExpectedKey } from './expected-keys.ts';
import { hashTagOf, ringTag } from '../keys/keys.ts';
import type { Keys } from '../keys/keys.ts';
import type { Logger } from '../../process/logger.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import { refusalOf } from '../redis/redis-refusal.ts';
import { relistJobs } from './relist.ts';
import { isReplicaName } from '../../contract/replica-name.ts';

/** What was read of Redis is not what ringpost has written. */
export class GarbledError extends Error {
  override readonly name = 'GarbledError';
}

/** @returns what is read of a key; null if it has another type than that of the read. */
export async function orNull<T>(read: Promise<T>): Promise<T | null> {
  try {
    return await read;
  } catch (error) {
    if (mayBeGarbled(error)) return null;
    throw error;
  }
}

/** After a look that has found nothing, the next one comes no sooner than this, in ms. */
const pauseMs = 500;
/** Tries after the first one. */
const mostTries = 2;

const request = /^mend \{(.+)\}$/;

/**
 * @param word on the channel of changes.
 * @returns what a worker has failed at, and the replicas whose keys may be the cause; undefined if it asks for
 * nothing.
 */
export function askedToMend(
  word: string,
): { readonly error: GarbledError; readonly names: readonly string[] } | undefined {
  const [, tag] = request.exec(word) ?? [];
  if (tag === undefined) return undefined;
  return { error: new GarbledError('a worker failed at it'), names: isReplicaName(tag) ? [tag] : [] };
}

/**
 * Finds the key that Redis has failed at, because it has another type than ours or is not to be read, and moves it
 * aside, so that the next try does not fail at it. It looks only after such an error.
 *
 * A worker may not write the keys of the ring, nor look through all keys of Redis for the jobs of a list: it asks
 * a controller to move these aside.
 */
export class KeyRepair {
  readonly aside: Aside;
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #who: 'server' | 'worker';
  #notBefore = Number.NEGATIVE_INFINITY;

  /** @param who 'worker' asks a controller to move aside what a worker may not. */
  static on(connection: Connection, log: Logger, who: 'server' | 'worker' = 'server'): KeyRepair {
    return new KeyRepair(redisOf(connection), keysOf(connection), log, who);
  }

  constructor(redis: Redis, keys: Keys, log: Logger, who: 'server' | 'worker' = 'server') {
    this.#redis = redis;
    this.#keys = keys;
    this.#who = who;
    this.aside = new Aside(redis, keys, log);
  }

  /**
   * To be called after a failure. Never rejects.
   * @param expected the keys that may be the cause.
   * @returns whether something was moved aside, so that it may go better now.
   */
  async after(error: unknown, expected: () => Iterable<ExpectedKey>): Promise<boolean> {
    if (!mayBeGarbled(error) || performance.now() < this.#notBefore) return false;
    try {
      const moved = await this.#mend([...expected()]);
      if (!moved) this.#notBefore = performance.now() + pauseMs;
      return moved;
    } catch {
      // Redis is away, or refuses this too: whoever tries again comes here again.
      return false;
    }
  }

  /** Does something, and again after each failure whose cause could be moved aside. */
  async mending<T>(act: () => Promise<T>, expected: () => Iterable<ExpectedKey>): Promise<T> {
    for (let tries = 0; ; tries += 1) {
      try {
        return await act();
      } catch (error) {
        if (tries === mostTries || !(await this.after(error, expected))) throw error;
      }
    }
  }

  async #mend(expected: readonly ExpectedKey[]): Promise<boolean> {
    const found = await Promise.all(
      expected.map(async ({ key, type, fits }) => {
        const seen = await this.#redis.type(key);
        const readable = seen === 'string' && type === 'string' && fits !== undefined;
        const text = readable ? await this.#redis.get(key) : null;
        return { seen, text };
      }),
    );
    let moved = false;
    const queues = new Set<string>();
    const asked = new Set<string>();
    for (const [at, { key, type, fits, instead, lists }] of expected.entries()) {
      const { seen, text } = found[at] ?? { seen: 'none', text: null };
      if (seen === 'none' || (seen === type && (text === null || fits?.(text) !== false))) continue;
      const tag = hashTagOf(key);
      if (this.#who === 'worker' && (tag === ringTag || lists !== undefined)) {
        asked.add(tag);
        continue;
      }
      const now = clockOf(this.#redis).now();
      if (!(await this.aside.key({ key, type: seen, text: text ?? undefined }, instead?.(now)))) continue;
      moved = true;
      if (lists !== undefined) queues.add(lists);
    }
    for (const queue of queues) await relistJobs(this.#redis, this.#keys, queue);
    for (const tag of asked) await this.#redis.publish(this.#keys.changes, `mend ${tag}`);
    return moved;
  }
}

/**
 * @returns whether an error may come of garbled data: of a key of another type, of a value that is no number, of a script
 * that could not read something; not that Redis refuses writes, or refuses it to this user, or is away.
 */
export function mayBeGarbled(error: unknown): boolean {
  if (error instanceof GarbledError) return true;
  if (refusalOf(error, '') !== undefined) return false;
  return error instanceof Error && error.name === 'ReplyError' && /^(?:WRONGTYPE|ERR) /.test(error.message);
}
