import type { JobLine } from '../../contract/job-lines.ts';
import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import type { ExpectedKey } from '../repair/expected-keys.ts';
import { KeyRepair } from '../repair/key-repair.ts';
import { countStart, jobDeadline, joinLine, leaveLine, takeTurn } from '../scripts/lines.ts';
import type { InFront, Place } from '../scripts/lines.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';

export type { InFront, Place } from '../scripts/lines.ts';

/** A line outlives the deadlines of its requests by this time, in ms. */
const graceMs = 60_000;

/** A request that is put into a line. */
export interface LineEntry {
  readonly id: string;
  /** The replica whose queue has its job. */
  readonly replica: string;
  /** Of its job, in ms since the epoch, in Redis time. */
  readonly deadline: number;
}

/**
 * The lines of requests that have the same hash key. Those that run are first in their line; the others
 * follow in the order in which they joined it.
 */
export class Lines {
  readonly #redis: Redis;
  readonly #run: Run;
  readonly #keys: Keys;
  readonly #clock: RedisClock;
  readonly #repair: KeyRepair;

  constructor(connection: Connection, log: Logger, rights: 'server' | 'worker' = 'worker') {
    this.#redis = redisOf(connection);
    this.#run = createRun(connection);
    this.#keys = keysOf(connection);
    this.#clock = clockOf(connection);
    this.#repair = new KeyRepair(connection, log, rights);
  }

  /** Puts a request at the end of a line. A request that is already in it keeps its place. */
  join(line: string, entry: LineEntry): Promise<void> {
    return this.#repairing(line, () => this.#run(joinLine, this.#joining(line, entry)));
  }

  /**
   * Asks whether a request may run, and counts it as running if it may. It joins the line if it is not in it.
   * @returns its place if it has to wait.
   */
  take({ name, limit }: Pick<JobLine, 'name' | 'limit'>, entry: LineEntry): Promise<Place | undefined> {
    return this.#repairing(name, () =>
      this.#run(takeTurn, { ...this.#joining(name, entry), limit, random: Math.random() }),
    );
  }

  /** @returns how many requests of a line run, and how many wait. */
  async counts(line: string): Promise<{ readonly running: number; readonly waiting: number }> {
    const key = this.#keys.line(line);
    const [all, running] = await this.#repairing(line, () =>
      Promise.all([this.#redis.zcard(key), this.#redis.zcount(key, '-inf', '(0')]),
    );
    return { running, waiting: Math.max(0, all - running) };
  }

  /** @returns how many requests are in a line. */
  async length(line: string): Promise<number> {
    const { running, waiting } = await this.counts(line);
    return running + waiting;
  }

  /** Takes a request out of a line. @returns those that may run now because of that. */
  leave({ name, limits }: JobLine, id: string): Promise<readonly Omit<InFront, 'ageMs'>[]> {
    return this.#run(leaveLine, { line: name, id, limits });
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

  #joining(line: string, { id, replica, deadline }: LineEntry) {
    return { line, id, replica, ttlMs: Math.max(0, deadline - this.#clock.now()) + graceMs };
  }

  #repairing<T>(line: string, act: () => Promise<T>): Promise<T> {
    const expected = (): readonly ExpectedKey[] => [
      { key: this.#keys.line(line), type: 'zset' },
      { key: this.#keys.lineMoves(line), type: 'hash' },
    ];
    return this.#repair.withRepair(act, expected);
  }
}
