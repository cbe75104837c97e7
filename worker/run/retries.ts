import type { JobData } from '#shared/contract/job.ts';
import { retryAt } from '#shared/contract/retry.ts';
import type { Reselection } from '#shared/contract/retry-notice.ts';
import type { Logger } from '#shared/process/logger.ts';
import { announceRetry } from '#shared/store/queue/retry-channel.ts';
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

/**
 * The shortest wait for an attempt whose replica is selected anew, in ms. A gateway has to hear of it, and
 * selects a little before the attempt is due.
 */
const minSelectMs = 30;

/** When a request runs again, in ms since the epoch, in Redis time. */
interface Next {
  readonly notBefore: number;
  /** How its replica is selected anew; undefined if it stays where it is. */
  readonly reselect: Reselection | undefined;
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
   * @returns when the job is taken again; another reply if the request has ended meanwhile; `superseded` if
   * another worker has taken the lease; undefined if the reply is final.
   */
  async retry(
    id: string,
    reply: HandlerReply,
    job: JobData,
    attempt: number,
    running: Running,
  ): Promise<PutBack | HandlerReply | 'superseded' | undefined> {
    const next = await this.#next(id, reply, job, attempt, running);
    if (next === undefined) return undefined;
    const noted = await this.#notes.queued(id, job, attempt, reply.status);
    if (noted === 'superseded') return noted;
    if (noted !== 'noted') return endedBeforeStartReply(noted);
    // It leaves the line before it is put back: it may be taken again at once, and then joins the line.
    await this.#passTurn(id, job, running);
    const { notBefore, reselect } = next;
    if (reselect === undefined) return { notBefore };
    return { notBefore, onPutBack: () => this.#announce(id, job, notBefore, reselect) };
  }

  /** Lets a gateway select the replica of the next attempt. If none does, the request stays here. */
  #announce(id: string, { gateway, deadline }: JobData, due: number, reselect: Reselection): void {
    const { connection, replica, log } = this.#options;
    announceRetry(connection, { id, replica, gateway, due, deadline, ...reselect }).catch((error: unknown) =>
      log.debug({ request: id, err: error }, 'no gateway selects its replica anew'),
    );
  }

  /** Lets the next request in line go first, if this one asks for that. Never rejects. */
  async #passTurn(id: string, job: JobData, { until }: Running): Promise<void> {
    const { turns, log } = this.#options;
    await retryUntil(() => turns.pass(id, job), until).catch((error: unknown) =>
      log.debug({ request: id, err: error }, 'it keeps its place in line'),
    );
  }

  /**
   * Crashes do not count as attempts, because they brought no answer. A request that may have caused one
   * stays with its replica.
   * @returns undefined if the request is not run again.
   */
  async #next(
    id: string,
    reply: HandlerReply,
    job: JobData,
    attempt: number,
    { deadline }: Running,
  ): Promise<Next | undefined> {
    const { connection, replica } = this.#options;
    const crashes = attempt === 1 ? [] : await crashesOf(connection, replica, id);
    // A date in `Retry-After` is in the clock of this host.
    const own = { ...job, deadline };
    const at = retryAt(reply, own, attempt - crashes.length, Date.now(), Math.random());
    if (at === undefined) return undefined;
    const reselect = crashes.length === 0 ? job.reselect : undefined;
    const earliest = reselect === undefined ? at : Math.min(Date.now() + minSelectMs, deadline - 1);
    return { notBefore: this.#clock.fromOwn(Math.max(at, earliest)), reselect };
  }
}
