import type { JobData } from '#shared/contract/job.ts';
import { retryAt } from '#shared/contract/retry.ts';
import type { Logger } from '#shared/process/logger.ts';
import { crashesOf } from '#shared/store/queue/suspect-notes.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { RedisClock } from '#shared/store/redis/redis-clock.ts';
import type { HandlerReply } from '../handlers/handler.ts';
import { retryUntil } from '../reply/retry-until.ts';
import type { PutBack } from './consumer.ts';
import { endedBeforeStartReply } from './run-notes.ts';
import type { RunNotes } from './run-notes.ts';
import type { Running } from './running.ts';
import type { Turns } from './turns.ts';

export interface RetriesOptions {
  readonly connection: Connection;
  /** The replica whose queue the jobs are from. */
  readonly replica: string;
  readonly turns: Turns;
  readonly log: Logger;
}

/** Decides which requests run again after their handlers have answered, and prepares that. */
export class Retries {
  readonly #options: RetriesOptions;
  readonly #clock: RedisClock;
  readonly #notes: RunNotes;

  constructor(options: RetriesOptions, notes: RunNotes) {
    this.#options = options;
    this.#clock = clockOf(options.connection);
    this.#notes = notes;
  }

  /**
   * @param reply one with which `mayRetry` allows another attempt.
   * @returns when the job is taken again; another reply if the request has ended meanwhile; undefined if the
   * reply is final.
   */
  async retry(
    id: string,
    reply: HandlerReply,
    job: JobData,
    attempt: number,
    running: Running,
  ): Promise<PutBack | HandlerReply | undefined> {
    const notBefore = await this.#retryTime(id, reply, job, attempt, running);
    if (notBefore === undefined) return undefined;
    const noted = await this.#notes.queued(id, job, attempt, reply.status);
    if (noted !== 'noted') return endedBeforeStartReply(noted);
    // It leaves the line before it is put back: it may be taken again at once, and then joins the line.
    await this.#passTurn(id, job, running);
    return { notBefore };
  }

  /** Lets the next request in line go first, if this one asks for that. Never rejects. */
  async #passTurn(id: string, job: JobData, { until }: Running): Promise<void> {
    const { turns, log } = this.#options;
    await retryUntil(() => turns.pass(id, job), until).catch((error: unknown) =>
      log.debug({ request: id, err: error }, 'it keeps its place in line'),
    );
  }

  /**
   * Crashes do not count as attempts, because they brought no answer.
   * @returns when the request is run again, in ms since the epoch, in Redis time; undefined if it is not.
   */
  async #retryTime(
    id: string,
    reply: HandlerReply,
    job: JobData,
    attempt: number,
    { deadline }: Running,
  ): Promise<number | undefined> {
    const { connection, replica } = this.#options;
    const crashes = attempt === 1 ? [] : await crashesOf(connection, replica, id);
    // A date in `Retry-After` is in the clock of this host.
    const own = { ...job, deadline };
    const at = retryAt(reply, own, attempt - crashes.length, Date.now(), Math.random());
    return at === undefined ? undefined : this.#clock.fromOwn(at);
  }
}
