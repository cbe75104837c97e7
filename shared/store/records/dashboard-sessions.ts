import { isCount, parseObject } from '../../contract/json-object.ts';
import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { GarbledError, KeyRepair } from '../repair/key-repair.ts';

/** A session of the dashboard, as Redis has it. Nobody can make a cookie of it. */
export interface StoredSession {
  /** Proves which token it was begun with, to those who know the session's id and that token. */
  readonly proof: string;
  /** When it ends at the latest, in Redis time. */
  readonly until: number;
}

/** The sessions of people who are signed in to the dashboard, for all gateways. */
export class DashboardSessions {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #repair: KeyRepair;

  constructor(connection: Connection, log: Logger) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#repair = new KeyRepair(connection, log);
  }

  /**
   * @param digest of the session's id, in hexadecimal.
   * @param idleMs time in ms after which it ends, unless it is extended.
   */
  async begin(digest: string, session: StoredSession, idleMs: number): Promise<void> {
    await this.#redis.set(this.#keys.dashboardSession(digest), JSON.stringify(session), 'PX', idleMs);
  }

  /** @returns the session; undefined if there is none. One that cannot be read is moved aside. */
  read(digest: string): Promise<StoredSession | undefined> {
    const key = this.#keys.dashboardSession(digest);
    const read = async (): Promise<StoredSession | undefined> => {
      const text = await this.#redis.get(key);
      return text === null ? undefined : (parse(text) ?? garbled());
    };
    const fits = (text: string): boolean => parse(text) !== undefined;
    return this.#repair.withRepair(read, () => [{ key, type: 'string', fits }]);
  }

  /** @param idleMs time in ms, from now on, after which the session ends unless it is extended again. */
  async extend(digest: string, idleMs: number): Promise<void> {
    await this.#redis.pexpire(this.#keys.dashboardSession(digest), idleMs);
  }

  async end(digest: string): Promise<void> {
    await this.#redis.del(this.#keys.dashboardSession(digest));
  }
}

function parse(text: string): StoredSession | undefined {
  const { proof, until } = parseObject(text) ?? {};
  return typeof proof === 'string' && isCount(until) ? { proof, until } : undefined;
}

function garbled(): never {
  throw new GarbledError('a session of the dashboard cannot be read');
}
