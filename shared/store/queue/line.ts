import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import { KeyRepair } from '../repair/key-repair.ts';
import { countStart, jobDeadline, joinLine, leaveLine, takeTurn } from '../scripts/lines.ts';
import type { Place } from '../scripts/lines.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';

/** A line outlives the deadlines of its requests by this time, in ms. */
const graceMs = 60_000;

/**
 * The lines of requests that have the same hash key and run one at a time, in the order in which they were
 * accepted. A line is identified by its `order`, a digest of the key.
 */
export class Lines {
  readonly #redis: Redis;
  readonly #run: Run;
  readonly #keys: Keys;
  readonly #clock: RedisClock;
  readonly #repair: KeyRepair;

  constructor(connection: Connection, log: Logger) {
    this.#redis = redisOf(connection);
    this.#run = createRun(connection);
    this.#keys = keysOf(connection);
    this.#clock = clockOf(connection);
    this.#repair = new KeyRepair(connection, log, 'worker');
  }

  /**
   * Puts a request at the end of a line. A request that is already in it keeps its place.
   * @param deadline of its job, in ms since the epoch, in Redis time.
   */
  join(order: string, id: string, deadline: number): Promise<void> {
    return this.#run(joinLine, { order, id, ttlMs: Math.max(0, deadline - this.#clock.now()) + graceMs });
  }

  /** @returns where a request stands in a line; undefined if it is not in it. */
  place(order: string, id: string): Promise<Place | undefined> {
    return this.#repair.withRepair(
      () => this.#run(takeTurn, { order, id }),
      () => [{ key: this.#keys.line(order), type: 'zset' }],
    );
  }

  /** @returns how many requests are in a line. */
  length(order: string): Promise<number> {
    return this.#repair.withRepair(
      () => this.#redis.zcard(this.#keys.line(order)),
      () => [{ key: this.#keys.line(order), type: 'zset' }],
    );
  }

  /** Takes a request out of a line. @returns the request whose turn it is now, if the other one was first. */
  leave(order: string, id: string): Promise<string | undefined> {
    return this.#run(leaveLine, { order, id });
  }

  /**
   * Counts a start of a request. @returns how often it was started, this time included; undefined if its job
   * is gone.
   */
  countStart(replica: string, id: string): Promise<number | undefined> {
    return this.#run(countStart, { replica, id });
  }

  /**
   * @returns until when a job holds its place, in ms since the epoch: its deadline, 0 if it has none;
   * infinity while its answer is a stream; undefined if there is no such job.
   */
  holdsUntil(replica: string, id: string): Promise<number | undefined> {
    return this.#run(jobDeadline, { replica, id });
  }
}
