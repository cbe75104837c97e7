import type { JobData } from '#shared/contract/job.ts';
import { isInLine, limitLine, linesOf, orderLine } from '#shared/contract/job-lines.ts';
import type { JobLine } from '#shared/contract/job-lines.ts';
import type { Logger } from '#shared/process/logger.ts';
import { Lines } from '#shared/store/queue/line.ts';
import { LineExits } from '#shared/store/queue/line-exits.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { RedisClock } from '#shared/store/redis/redis-clock.ts';
import type { InFront, Place } from '#shared/store/queue/line.ts';
import type { PutBack } from './consumer.ts';

/**
 * A request that is in line without a job is passed over after this time in ms: its job may be on its way. A
 * request whose deadline passed this long ago is passed over too.
 */
const graceMs = 2000;
/** How long a request waits until it asks for its turn by itself, in ms for each place before it. */
const askDelayMs = 250;
/** The same for those that are far behind: at most so long, or so long for each place if that is more. */
const farAskDelayMs = 5000;
const minAskDelayMs = 10;
/** How often a request that streams is put into its lines again, which would expire otherwise, in ms. */
const holdIntervalMs = 20_000;

/** A request that waits for its turn. */
export interface Waits extends PutBack {
  /** How many requests of its key run, if it has just begun to wait because of their number. */
  readonly running?: number;
}

/**
 * Lets the requests of one hash key run in turn, whichever queues they are in: ordered ones one at a time, as
 * they were accepted, and a limited number of all of them at once. Each stands in its lines until its job is
 * gone, or its deadline has passed before its answer began. If it is not a request's turn, its job is put
 * back; a request that leaves calls the next one. If that call is lost, the next one asks by itself.
 */
export class Turns {
  readonly #log: Logger;
  readonly #lines: Lines;
  readonly #exits: LineExits;
  readonly #clock: RedisClock;

  constructor(connection: Connection, log: Logger) {
    this.#log = log;
    this.#lines = new Lines(connection, log);
    this.#exits = new LineExits(connection, log, 'worker');
    this.#clock = clockOf(connection);
  }

  /**
   * Asks whether it is a request's turn in all its lines, and counts its start if it is.
   * @returns how often the request was started, this time included; when to ask again if it is not its turn;
   * undefined if its job is gone.
   */
  async take(
    replica: string,
    id: string,
    job: JobData,
  ): Promise<{ readonly attempt: number } | Waits | undefined> {
    const order = orderLine(job);
    const ordered = order && (await this.#enter(order, replica, id, job));
    if (ordered !== undefined) return { notBefore: ordered.notBefore };
    const limited = limitLine(job);
    const waits = limited && (await this.#enter(limited, replica, id, job));
    if (waits !== undefined) return waits;
    const attempt = await this.#lines.countStart(replica, id);
    return attempt === undefined ? undefined : { attempt };
  }

  /** Keeps a request in its lines while its answer is a stream. @returns a function that ends this. */
  hold(replica: string, id: string, job: JobData): () => void {
    if (!isInLine(job)) return () => undefined;
    const lines = linesOf(job);
    const timer = setInterval(() => {
      const entry = { id, replica, deadline: this.#clock.now() };
      for (const { name } of lines) this.#lines.join(name, entry).catch(() => undefined);
    }, holdIntervalMs);
    return () => clearInterval(timer);
  }

  /** Takes a request whose job is gone out of its lines, and calls the next ones. */
  leave(id: string, job: JobData): void {
    if (!isInLine(job)) return;
    this.#exits
      .leaveAll(id, job)
      .catch((error: unknown) =>
        this.#log.debug({ request: id, err: error }, 'the next in line asks by itself'),
      );
  }

  /**
   * Lets others run while a request waits to be tried again: those of its key, since it does not run, and
   * those behind it in order, if it asks for that. It joins the lines again when it is due.
   */
  async pass(id: string, job: JobData): Promise<void> {
    const { orderOnRetry, ...rest } = job;
    const { order: _, ...unordered } = rest;
    await this.#exits.leaveAll(id, orderOnRetry === 'pass' ? rest : unordered);
  }

  /** Closes the queues that were opened; the connection stays open. */
  close(): Promise<void> {
    return this.#exits.close();
  }

  /** @returns when to ask again; undefined if the request may run. */
  async #enter(
    line: JobLine,
    replica: string,
    id: string,
    { deadline }: JobData,
  ): Promise<Waits | undefined> {
    let isNew = false;
    // Past its deadline it does not wait for its turn: it is answered without being run.
    while (this.#clock.now() < deadline) {
      const place = await this.#lines.take(line, { id, replica, deadline });
      if (place === undefined) return undefined;
      isNew ||= place.isNew;
      if (!(await this.#passOver(line, place))) {
        // At its deadline it is taken in any case, and answered.
        const notBefore = Math.min(this.#clock.now() + askDelay(line, place), deadline + 1);
        return { notBefore, ...(isNew ? { running: place.running } : {}) };
      }
    }
    return undefined;
  }

  /** Takes those out of the line whose jobs are gone, or too late. @returns whether there was one. */
  async #passOver(line: JobLine, { inFront }: Place): Promise<boolean> {
    const held = await Promise.all(inFront.map((request) => this.#holdsItsPlace(request)));
    const gone = inFront.filter((_, at) => held[at] === false);
    for (const { id } of gone) {
      this.#log.info({ request: id }, 'passed over in line: its job is gone, or too late');
      // Whoever may run because of that is called.
      await this.#exits.leave(id, line);
    }
    return gone.length > 0;
  }

  async #holdsItsPlace({ id, replica, ageMs }: InFront): Promise<boolean> {
    // Ringpost writes neither a name that is no id nor a time in the future.
    if (replica === undefined) return false;
    if (ageMs < graceMs && ageMs > -graceMs) return true;
    const until = await this.#lines.holdsUntil(replica, id);
    return until !== undefined && this.#clock.now() < until + graceMs;
  }
}

/**
 * The first one that waits asks often also if it has a lower limit than those that run: they know nothing of
 * that limit, and do not call it.
 * @returns when a request asks by itself, in ms from now. A line of any length asks about a hundred times a
 * second.
 */
function askDelay({ limit }: JobLine, { before, running }: Place): number {
  const isFirst = before + limit - 1 === running;
  if (isFirst) return askDelayMs;
  return Math.min(before * askDelayMs, Math.max(farAskDelayMs, before * minAskDelayMs));
}
