import type { JobData } from '#shared/contract/job.ts';
import { replicaOf } from '#shared/contract/request-id.ts';
import type { Logger } from '#shared/process/logger.ts';
import { Lines } from '#shared/store/queue/line.ts';
import { QueueJobs } from '#shared/store/queue/queue-jobs.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { RedisClock } from '#shared/store/redis/redis-clock.ts';
import type { PutBack } from './consumer.ts';

/**
 * A request that is in line without a job is passed over after this time in ms: its job may be on its way. A
 * request whose deadline passed this long ago is passed over too.
 */
const graceMs = 2000;
/**
 * How long a request waits until it asks for its turn by itself, in ms for each request before it, and at
 * most.
 */
const askDelayMs = 250;
const maxAskDelayMs = 5000;
/** How often a request that streams is put into its line again, which would expire otherwise, in ms. */
const holdIntervalMs = 20_000;

/**
 * Lets the requests of one hash key run one at a time, in the order in which they were accepted, whichever
 * queues they are in. Each stands in the line of its key until its job is gone, or its deadline has passed
 * before its answer began. A delayed request joins the line when it is due. If it is not a request's turn,
 * its job is put back; a request that leaves calls the next one. If that call is lost, the next one asks by
 * itself.
 */
export class Turns {
  readonly #connection: Connection;
  readonly #log: Logger;
  readonly #lines: Lines;
  readonly #clock: RedisClock;
  readonly #queues = new Map<string, QueueJobs>();

  constructor(connection: Connection, log: Logger) {
    this.#connection = connection;
    this.#log = log;
    this.#lines = new Lines(connection, log);
    this.#clock = clockOf(connection);
  }

  /**
   * Asks whether it is a request's turn, and counts its start if it is.
   * @returns how often the request was started, this time included; when to ask again if it is not its turn;
   * undefined if its job is gone.
   */
  async take(
    replica: string,
    id: string,
    { order = '', deadline }: JobData,
  ): Promise<{ readonly attempt: number } | PutBack | undefined> {
    // Past its deadline it does not wait for its turn: it is answered without being run.
    while (this.#clock.now() < deadline) {
      const place = await this.#lines.place(order, id);
      if (place === undefined) {
        // It was delayed, it was passed over, or Redis has lost its place.
        await this.#lines.join(order, id, deadline);
        continue;
      }
      const { before, first, firstAgeMs } = place;
      if (before === 0) break;
      // Ringpost writes neither a name that is no id nor a time in the future.
      const isFresh = firstAgeMs < graceMs && firstAgeMs > -graceMs && replicaOf(first) !== undefined;
      if (isFresh || (await this.#holdsItsPlace(first))) {
        return { notBefore: this.#clock.now() + Math.min(before * askDelayMs, maxAskDelayMs) };
      }
      this.#log.info({ request: first }, 'passed over in line: its job is gone, or too late');
      await this.#lines.leave(order, first);
    }
    const attempt = await this.#lines.countStart(replica, id);
    return attempt === undefined ? undefined : { attempt };
  }

  /** Keeps a request in its line while its answer is a stream. @returns a function that ends this. */
  hold(id: string, { order }: JobData): () => void {
    if (order === undefined) return () => undefined;
    const timer = setInterval(() => {
      this.#lines.join(order, id, this.#clock.now()).catch(() => undefined);
    }, holdIntervalMs);
    return () => clearInterval(timer);
  }

  /** Takes a request whose job is gone out of its line, and calls the next one. */
  leave(id: string, { order }: JobData): void {
    if (order === undefined) return;
    this.#callNext(order, id).catch((error: unknown) =>
      this.#log.debug({ request: id, err: error }, 'the next in line asks by itself'),
    );
  }

  /**
   * Lets the others go first while a request waits to be tried again, if it asks for that. It joins the line
   * again when it is due.
   */
  async pass(id: string, { order, orderOnRetry }: JobData): Promise<void> {
    if (order !== undefined && orderOnRetry === 'pass') await this.#callNext(order, id);
  }

  async #callNext(order: string, id: string): Promise<void> {
    const next = await this.#lines.leave(order, id);
    const replica = next === undefined ? undefined : replicaOf(next);
    if (next === undefined || replica === undefined) return;
    const job = await this.#queue(replica).find(next);
    // A worker may have it already, or it has a delay of its own.
    if (job !== undefined && (job.data.notBefore ?? 0) <= this.#clock.now()) await job.promote();
  }

  /** Closes the queues that were opened; the connection stays open. */
  async close(): Promise<void> {
    await Promise.all(Array.from(this.#queues.values(), (queue) => queue.close()));
    this.#queues.clear();
  }

  #queue(replica: string): QueueJobs {
    let queue = this.#queues.get(replica);
    if (queue === undefined) {
      queue = new QueueJobs(this.#connection, replica, this.#log);
      this.#queues.set(replica, queue);
    }
    return queue;
  }

  async #holdsItsPlace(id: string): Promise<boolean> {
    const replica = replicaOf(id);
    if (replica === undefined) return false;
    const until = await this.#lines.holdsUntil(replica, id);
    return until !== undefined && this.#clock.now() < until + graceMs;
  }
}
