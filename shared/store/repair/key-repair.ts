import type { Redis } from '../redis/access.ts';
import { Aside } from './aside.ts';
import type { ExpectedKey } from './expected-keys.ts';
import { tagOf } from '../keys/keys.ts';
import { ringTag } from '../keys/ring-keys.ts';
import type { Keys } from '../keys/keys.ts';
import type { Logger } from '../../process/logger.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import { refusalOf } from '../redis/redis-refusal.ts';
import { relistJobs } from './relist.ts';
import { isReplicaName } from '../../contract/replica-name.ts';

/** Data that was read from Redis is not data that ringpost has written. */
export class GarbledError extends Error {
  override readonly name = 'GarbledError';
}

/** @returns the result of a read; null if the key has a type that the command cannot read. */
export async function nullIfWrongType<T>(read: Promise<T>): Promise<T | null> {
  try {
    return await read;
  } catch (error) {
    if (mayBeGarbled(error)) return null;
    throw error;
  }
}

/** After a check that found nothing, the next one is not made before this time has passed, in ms. */
const pauseMs = 500;
const maxRetries = 2;

const request = /^mend \{(.+)\}$/;

/**
 * @param message a message on the channel of changes.
 * @returns the failure of a worker that asks for a repair, and the replicas whose keys may be the cause;
 * undefined for any other message.
 */
export function parseRepairRequest(
  message: string,
): { readonly error: GarbledError; readonly names: readonly string[] } | undefined {
  const [, tag] = request.exec(message) ?? [];
  if (tag === undefined) return undefined;
  return { error: new GarbledError('a worker asked for it'), names: isReplicaName(tag) ? [tag] : [] };
}

/**
 * Moves the key aside that made a command fail, because of its type or its value, so that the next attempt
 * succeeds. It checks keys only after such an error.
 *
 * A worker may not write the keys of the ring, nor scan all keys of Redis for the jobs of a list. It asks a
 * controller to move these keys aside.
 */
export class KeyRepair {
  readonly aside: Aside;
  readonly #connection: Connection;
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #clock: RedisClock;
  readonly #rights: 'server' | 'worker';
  #notBefore = Number.NEGATIVE_INFINITY;

  /** @param rights with 'worker', a controller is asked to move the keys that a worker may not move. */
  constructor(connection: Connection, log: Logger, rights: 'server' | 'worker' = 'server') {
    this.#connection = connection;
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#clock = clockOf(connection);
    this.#rights = rights;
    this.aside = new Aside(connection, log);
  }

  /**
   * Call it after a failure. Never rejects.
   * @param expected the keys that may be the cause.
   * @returns whether a key was moved aside, so that another attempt may succeed.
   */
  async after(error: unknown, expected: () => Iterable<ExpectedKey>): Promise<boolean> {
    if (!mayBeGarbled(error) || performance.now() < this.#notBefore) return false;
    try {
      const moved = await this.#repair([...expected()]);
      if (!moved) this.#notBefore = performance.now() + pauseMs;
      return moved;
    } catch {
      // Redis is away or refuses this too. A caller that tries again comes here again.
      return false;
    }
  }

  /** Calls `act`, and again after each failure whose cause could be moved aside. */
  async withRepair<T>(act: () => Promise<T>, expected: () => Iterable<ExpectedKey>): Promise<T> {
    for (let tries = 0; ; tries += 1) {
      try {
        return await act();
      } catch (error) {
        if (tries === maxRetries || !(await this.after(error, expected))) throw error;
      }
    }
  }

  async #repair(expected: readonly ExpectedKey[]): Promise<boolean> {
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
      const tag = tagOf(key);
      if (this.#rights === 'worker' && (tag === ringTag || lists !== undefined)) {
        asked.add(tag);
        continue;
      }
      const now = this.#clock.now();
      if (!(await this.aside.key({ key, type: seen, text: text ?? undefined }, instead?.(now)))) continue;
      moved = true;
      if (lists !== undefined) queues.add(lists);
    }
    for (const queue of queues) await relistJobs(this.#connection, queue);
    for (const tag of asked) await this.#redis.publish(this.#keys.changes, `mend ${tag}`);
    return moved;
  }
}

/**
 * @returns whether garbled data may be the cause of an error: a key of another type, a value that is not a
 * number, a value that a script cannot read. An outage, missing rights and refused writes are other causes.
 */
export function mayBeGarbled(error: unknown): boolean {
  if (error instanceof GarbledError) return true;
  if (refusalOf(error, '') !== undefined) return false;
  return error instanceof Error && error.name === 'ReplyError' && /^(?:WRONGTYPE|ERR) /.test(error.message);
}
