import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { expectedOfJobs } from '../repair/expected-keys.ts';
import { KeyRepair, mayBeGarbled } from '../repair/key-repair.ts';
import { readReplica } from '../scripts/read-replica.ts';
import type { ReplicaDepths } from '../scripts/read-replica.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';

export type { ReplicaDepths } from '../scripts/read-replica.ts';

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
  readonly #run: Run;

  constructor(connection: Connection, log: Logger) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#repair = new KeyRepair(connection, log);
    this.#run = createRun(connection);
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

  /**
   * Reads what the queues of replicas hold, in one round trip with one command for each replica.
   * @returns it by replica. One with a garbled key is left out; the key is moved aside.
   */
  async readAll(replicas: readonly string[]): Promise<ReadonlyMap<string, ReplicaDepths>> {
    const read = await Promise.all(
      replicas.map(async (replica) => {
        try {
          return [[replica, await this.#run(readReplica, { replica })] as const];
        } catch (error) {
          if (!mayBeGarbled(error)) throw error;
          void this.repairAfter(error, [replica]);
          return [];
        }
      }),
    );
    return new Map(read.flat());
  }

  /**
   * Counts the requests that run, and those that wait and could run now, in one round trip. Unlike
   * {@link readAll} it needs no script, and so no right that a controller's user of an earlier release lacks.
   * @returns the count by replica. One with a garbled key is left out; the key is moved aside.
   */
  async countRunnable(replicas: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const counted = await Promise.all(
      replicas.map(async (replica) => {
        const { wait, active, prioritized } = this.#keys.unfinished(replica);
        try {
          const counts = await Promise.all([
            this.#redis.llen(wait),
            this.#redis.llen(active),
            this.#redis.zcard(prioritized),
          ]);
          return [[replica, counts.reduce((all, each) => all + each, 0)] as const];
        } catch (error) {
          if (!mayBeGarbled(error)) throw error;
          void this.repairAfter(error, [replica]);
          return [];
        }
      }),
    );
    return new Map(counted.flat());
  }

  /** Moves garbled keys of these replicas aside, if they are why a read failed. Never rejects. */
  async repairAfter(error: unknown, replicas: readonly string[]): Promise<void> {
    await this.#repair.after(error, () => replicas.flatMap((name) => expectedOfJobs(this.#keys, name)));
  }
}
