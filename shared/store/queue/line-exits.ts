import { linesOf } from '../../contract/job-lines.ts';
import type { JobLine, LineTerms } from '../../contract/job-lines.ts';
import type { Logger } from '../../process/logger.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import { Lines } from './line.ts';
import { QueueJobs } from './queue-jobs.ts';

/** Takes requests out of lines, and calls those that may run because of that, in their queues. */
export class LineExits {
  readonly #connection: Connection;
  readonly #log: Logger;
  readonly #lines: Lines;
  readonly #clock: RedisClock;
  readonly #queues = new Map<string, QueueJobs>();

  constructor(connection: Connection, log: Logger, rights: 'server' | 'worker') {
    this.#connection = connection;
    this.#log = log;
    this.#lines = new Lines(connection, log, rights);
    this.#clock = clockOf(connection);
  }

  /** Takes a request that does not run, and never will, out of all its lines. */
  async leaveAll(id: string, job: LineTerms): Promise<void> {
    await Promise.all(linesOf(job).map((line) => this.leave(id, line)));
  }

  /** Takes a request out of a line. A call that is lost is made up for: who waits asks by itself. */
  async leave(id: string, line: JobLine): Promise<void> {
    const called = await this.#lines.leave(line, id);
    await Promise.all(called.map(({ id: next, replica }) => this.#call(next, replica)));
  }

  /** Closes the queues of all other replicas. */
  async keepOnly(replicas: ReadonlySet<string>): Promise<void> {
    const others = [...this.#queues].filter(([replica]) => !replicas.has(replica));
    for (const [replica] of others) this.#queues.delete(replica);
    await Promise.all(others.map(([, queue]) => queue.close()));
  }

  /** Closes the queues that were opened; the connection stays open. */
  close(): Promise<void> {
    return this.keepOnly(new Set());
  }

  async #call(id: string, replica: string | undefined): Promise<void> {
    if (replica === undefined) return;
    try {
      const job = await this.#queue(replica).find(id);
      // A worker may have it already, or it has a delay of its own.
      if (job !== undefined && (job.data.notBefore ?? 0) <= this.#clock.now()) await job.promote();
    } catch (error) {
      this.#log.debug({ request: id, err: error }, 'the next in line asks by itself');
    }
  }

  #queue(replica: string): QueueJobs {
    let queue = this.#queues.get(replica);
    if (queue === undefined) {
      queue = new QueueJobs(this.#connection, replica, this.#log);
      this.#queues.set(replica, queue);
    }
    return queue;
  }
}
