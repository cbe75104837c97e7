import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { expectedOfJobs } from '../repair/expected-keys.ts';
import { KeyRepair } from '../repair/key-repair.ts';

/** The jobs of a queue that no worker has taken. */
export interface QueueDepth {
  /** A worker could take them now. */
  readonly ready: number;
  /** They are not due yet, or it is not their turn. */
  readonly delayed: number;
}

/** Reads how many jobs wait in the replicas' queues. */
export class QueueDepths {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #repair: KeyRepair;

  constructor(connection: Connection, log: Logger) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#repair = new KeyRepair(connection, log);
  }

  async read(replica: string): Promise<QueueDepth> {
    const { wait, prioritized, delayed } = this.#keys.unfinished(replica);
    const [waiting, inOrder, notDue] = await Promise.all([
      this.#redis.llen(wait),
      this.#redis.zcard(prioritized),
      this.#redis.zcard(delayed),
    ]);
    return { ready: waiting + inOrder, delayed: notDue };
  }

  /** Moves garbled keys of these replicas aside, if they are why a read failed. Never rejects. */
  async repairAfter(error: unknown, replicas: readonly string[]): Promise<void> {
    await this.#repair.after(error, () => replicas.flatMap((name) => expectedOfJobs(this.#keys, name)));
  }
}
