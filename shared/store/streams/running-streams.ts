import type { Fenced } from '../../contract/fenced.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';
import { suspendStream } from '../scripts/streams.ts';
import type { Suspended } from '../scripts/streams.ts';

export type { Suspended } from '../scripts/streams.ts';

/**
 * The requests of a replica whose answers are streams, live and kept, from the head to the end. Their jobs
 * are not among the active ones. The caller holds the replica's lease.
 */
export class RunningStreams {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #run: Run;
  readonly #lease: Fenced;

  constructor(connection: Connection, lease: Fenced) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#run = createRun(connection);
    this.#lease = lease;
  }

  async ids(): Promise<ReadonlySet<string>> {
    return new Set(await this.#redis.smembers(this.#keys.streams(this.#lease.replica)));
  }

  count(): Promise<number> {
    return this.#redis.scard(this.#keys.streams(this.#lease.replica));
  }

  /**
   * Makes the job of a stream active again, so that it can be put back or become a suspect. Safe to call
   * twice.
   * @returns `gone` if there is no such job; `superseded` if another worker has taken the lease.
   */
  suspend(id: string): Promise<Suspended> {
    return this.#run(suspendStream, { lease: this.#lease, id });
  }
}
