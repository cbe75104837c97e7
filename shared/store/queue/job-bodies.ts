import { asBuffer } from '../../contract/body.ts';
import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import { commandFate, UnsentError } from '../redis/command-fate.ts';
import { inOneWrite } from '../redis/open-redis.ts';
import { setUncopied } from '../redis/uncopied.ts';
import type { Connection } from '../redis/connection.ts';

/** A request's body that is too large to travel in its job. */
export interface StoredBody {
  readonly body: Uint8Array;
  /** How long it is kept, in ms. */
  readonly ttlMs: number;
}

/** Stores the bodies of requests that are too large to travel in their jobs, each in its own key. */
export class JobBodies {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #log: Logger;

  constructor(connection: Connection, log: Logger) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#log = log;
  }

  /** @throws an error whose fate is never `unknown`: the job is only sent if its body is certainly there. */
  async store(replica: string, id: string, { body, ttlMs }: StoredBody): Promise<void> {
    try {
      const key = this.#keys.requestBody(replica, id);
      await inOneWrite(this.#redis, () => setUncopied(this.#redis, key, asBuffer(body), ttlMs));
    } catch (error) {
      throw commandFate(error) === 'unknown'
        ? new UnsentError('the body may not be there', { cause: error })
        : error;
    }
  }

  /** @returns those of some jobs whose bodies should be in keys of their own, and are not. */
  async missing<Job extends { readonly id: string; readonly hasStoredBody: boolean }>(
    replica: string,
    jobs: readonly Job[],
  ): Promise<readonly Job[]> {
    const stored = jobs.filter(({ hasStoredBody }) => hasStoredBody);
    const there = await Promise.all(
      stored.map(({ id }) => this.#redis.exists(this.#keys.requestBody(replica, id))),
    );
    return stored.filter((_, at) => there[at] === 0);
  }

  /** Deletes a body. If that fails, the body expires. */
  async remove(replica: string, id: string): Promise<void> {
    try {
      await this.#redis.unlink(this.#keys.requestBody(replica, id));
    } catch (error) {
      this.#log.debug({ request: id, err: error }, 'a body could not be deleted and will expire');
    }
  }
}
