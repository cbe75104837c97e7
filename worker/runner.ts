import type { Redis } from 'ioredis';
import type { HttpReply } from '#shared/contract/http.ts';
import { decodeJob, storedBody } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import { problemReply } from '#shared/contract/problem.ts';
import { decideOnTaken } from '#shared/contract/redelivery.ts';
import { retryAt } from '#shared/contract/retry.ts';
import type { Keys } from '#shared/keys.ts';
import type { Logger } from '#shared/logger.ts';
import { noteRequest } from '#shared/request-notes.ts';
import { SlotMap } from '#shared/slot-array.ts';
import type { PutBack } from './consumer.ts';
import type { FinishedRuns } from './finished-runs.ts';
import type { Handler } from './handlers/handler.ts';
import { insist } from './insist.ts';
import { SupersededError } from './reply-pushes.ts';
import type { ReplyOutbox } from './reply-outbox.ts';
import type { Slots } from './slots.ts';
import type { Turns } from './turns.ts';

export interface RunnerOptions {
  readonly handler: Handler;
  readonly slots: Slots;
  readonly turns: Turns;
  readonly outbox: ReplyOutbox;
  readonly redis: Redis;
  readonly keys: Keys;
  /** The replica whose queue the jobs are from. */
  readonly replica: string;
  /** The replica whose worker this is: another one where the queue is adopted. */
  readonly worker: string;
  /** What this worker has run, from whatever queue. */
  readonly finished: FinishedRuns;
  /** Whether the lease is certainly ours, and a way to make sure of it: false where it is another's. */
  readonly lease: { readonly certain: boolean; makeCertain(): Promise<boolean> };
  readonly log: Logger;
}

/** What becomes of a job that another worker has by now: it is not this worker's to finish. */
const leftToAnother = new Promise<never>(() => undefined);

/** The end of a request that has a record is of interest for this long after its deadline, in ms. */
const endGraceMs = 10_000;

/** What a request gets that was not answered by its deadline: its gateway has answered 504 by itself. */
function tooLate({ keepMs }: JobData): HttpReply | undefined {
  return keepMs === undefined ? undefined : problemReply('reply_timeout', 'It was not done by its deadline.');
}

/** What a request gets whose handler was not waited for. */
function letGoReply({ reason }: AbortSignal, job: JobData): HttpReply | undefined {
  const cancelled = reason instanceof DOMException && reason.name === 'AbortError';
  return cancelled ? problemReply('cancelled', 'The request was cancelled while it was run.') : tooLate(job);
}

/** A request that is being run. */
interface Running {
  readonly abort: AbortController;
  /** Its answer; undefined where its handler is not waited for any more. */
  readonly answer: PromiseWithResolvers<HttpReply | undefined>;
}

/** Runs jobs with the handler, each until its deadline at most, and sends their replies. */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #running = new SlotMap<{
    readonly running: Running;
    readonly finished: Promise<PutBack | undefined>;
  }>();
  #runs = 0;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** The ids of the requests that are being run. */
  get running(): readonly string[] {
    return [...this.#running.keys()];
  }

  /** How many requests were begun since the worker started. */
  get runs(): number {
    return this.#runs;
  }

  /** Whether this request is being run. */
  isRunning(id: string): boolean {
    return this.#running.has(id);
  }

  /** How many requests are being run. */
  get size(): number {
    return this.#running.size;
  }

  /**
   * Runs one job and sends its reply. A job past its deadline is dropped unrun, and one whose handler has not
   * answered by then is let go without a reply: its gateway has answered 504 by itself.
   * @param attempt how often the job was taken: 1 for the first time.
   * @returns when the job is finished, or to be put back; never, where another worker has taken the lease.
   */
  run(id: string, job: JobData, attempt: number): Promise<PutBack | undefined> {
    // Redis has forgotten that it gave the job out: the run that is under way is the run of both.
    const underWay = this.#running.get(id);
    if (underWay !== undefined) return underWay.finished;
    const running: Running = { abort: new AbortController(), answer: Promise.withResolvers() };
    const finished = this.#run(id, job, attempt, running).finally(() => this.#running.take(id));
    this.#running.add(id, { running, finished });
    this.#runs += 1;
    return finished;
  }

  /** Lets a request go that is being run: its signal fires, and its client learns that it was cancelled. */
  cancel(id: string): void {
    const running = this.#running.get(id)?.running;
    running?.abort.abort(new DOMException(`request ${id} is cancelled`, 'AbortError'));
    running?.answer.resolve(undefined);
  }

  async #run(id: string, job: JobData, taken: number, running: Running): Promise<PutBack | undefined> {
    const { redis, keys, replica, lease, slots, turns, log } = this.#options;
    // Of what runs in turn it is counted how often it was begun; to be taken may also mean to wait on.
    const turn =
      job.order === undefined
        ? { attempt: taken }
        : await insist(() => turns.take(replica, id, job), job.deadline);
    // Its job is gone, or its deadline has passed meanwhile: there is nothing to run.
    if (turn === undefined) return undefined;
    if ('notBefore' in turn) return turn;
    const { attempt } = turn;
    const bodyKey = storedBody(job) ? keys.requestBody(replica, id) : undefined;
    if (!slots.tryTake()) await slots.take();
    let mine: boolean | undefined = true;
    let reply: HttpReply | undefined;
    try {
      // A worker that was frozen may wake up with a job in its hands that is not its own any more.
      if (!lease.certain) mine = await insist(() => lease.makeCertain(), job.deadline);
      if (mine === true) reply = await this.#replyTo(id, job, attempt, running, bodyKey);
    } finally {
      slots.give();
    }
    const again = mine === true ? this.#again(reply, job, attempt, running.abort) : undefined;
    if (again !== undefined) {
      await noteRequest(redis, keys, replica, id, job, 'queued').catch((error: unknown) =>
        log.debug({ request: id, err: error }, 'not noted'),
      );
      return { notBefore: again };
    }
    if (mine === false || !(await this.#send(id, job, reply))) await leftToAnother;
    if (bodyKey === undefined) return undefined;
    await redis
      .unlink(bodyKey)
      .catch((error: unknown) => log.debug({ err: error }, 'a body expires by itself'));
    return undefined;
  }

  /** @returns when the request is run again, in ms since the epoch. */
  #again(
    reply: HttpReply | undefined,
    job: JobData,
    attempt: number,
    { signal }: AbortController,
  ): number | undefined {
    if (reply === undefined || signal.aborted) return undefined;
    return retryAt(reply, job, attempt, Date.now(), Math.random());
  }

  #replyTo(
    id: string,
    job: JobData,
    attempt: number,
    running: Running,
    bodyKey?: string,
  ): HttpReply | undefined | Promise<HttpReply | undefined> {
    const { finished } = this.#options;
    const { redelivery, deadline, attempts } = job;
    const taken = { redelivery, deadline, attempts, attempt, finished: finished.has(id) };
    const decision = decideOnTaken(taken, Date.now());
    switch (decision) {
      case 'drop':
        return tooLate(job);
      case 'unknown':
        return problemReply('outcome_unknown', 'The request was run before; Redis has lost what came of it.');
      case 'run':
        // Most need nothing else.
        return job.keepMs === undefined && bodyKey === undefined
          ? this.#answer(id, job, attempt, running)
          : this.#answerPrepared(id, job, attempt, running, bodyKey);
      default:
        return decision satisfies never;
    }
  }

  /** Answers a request that has a record, or whose body is in a key of its own. */
  async #answerPrepared(
    id: string,
    job: JobData,
    attempt: number,
    running: Running,
    bodyKey?: string,
  ): Promise<HttpReply | undefined> {
    if (job.keepMs !== undefined && !(await this.#noteBegun(id, job, attempt))) {
      // It is not tried again, and not said twice: what is known of its end stands.
      return problemReply('already_finished', 'The request has come to its end before.');
    }
    const stored = bodyKey === undefined ? undefined : await this.#options.redis.getBuffer(bodyKey);
    return this.#answer(id, job, attempt, running, stored ?? undefined);
  }

  /** @returns false for a request that has come to its end before, and is not run again. */
  async #noteBegun(id: string, job: JobData, attempt: number): Promise<boolean> {
    const { redis, keys, replica, log } = this.#options;
    const fields = ['started', Date.now(), 'attempts', attempt];
    try {
      return await noteRequest(redis, keys, replica, id, job, 'running', fields);
    } catch (error) {
      log.debug({ request: id, err: error }, 'not noted');
      return true;
    }
  }

  /**
   * A Redis that takes no writes for a while is no reason to lose the answer to work that is done.
   * @returns false where another worker has the job by now.
   */
  async #send(id: string, job: JobData, reply: HttpReply | undefined): Promise<boolean> {
    if (reply === undefined) return true;
    try {
      const until = job.deadline + (job.keepMs === undefined ? 0 : endGraceMs);
      await insist(() => this.#options.outbox.push(id, job, reply), until);
      return true;
    } catch (error) {
      if (error instanceof SupersededError) return false;
      throw error;
    }
  }

  /** @returns the reply, or undefined when the deadline came first and nobody asks for it later. */
  async #answer(
    id: string,
    job: JobData,
    attempt: number,
    running: Running,
    stored?: Buffer,
  ): Promise<HttpReply | undefined> {
    const { handler, worker, replica, finished, log } = this.#options;
    const { signal } = running.abort;
    const { promise: answered, resolve, reject } = running.answer;
    const timer = setTimeout(
      () => {
        running.abort.abort(new DOMException(`the deadline of request ${id} has passed`, 'TimeoutError'));
        resolve(undefined);
      },
      Math.max(0, job.deadline - Date.now()),
    );
    try {
      signal.throwIfAborted();
      const request = decodeJob(job, stored);
      const context = { replica: worker, requestId: id, attempt, deadline: job.deadline, signal };
      // What an abandoned handler answers or throws later is of no interest any more.
      handler.handle(request, context).then(resolve, reject);
      const reply = await answered;
      if (reply === undefined) return letGoReply(signal, job);
      if (worker === replica) return reply;
      return { ...reply, headers: [...reply.headers, 'Ringpost-Adopted-By', worker] };
    } catch (error) {
      if (signal.aborted) return letGoReply(signal, job);
      log.error({ request: id, err: error }, 'the handler failed');
      return problemReply('handler_failed', `The handler of replica ${worker} failed on this request.`);
    } finally {
      clearTimeout(timer);
      if (job.redelivery === 'never') finished.add(id, job.deadline, Date.now());
    }
  }
}
