import { decodeJob } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import { problemReply } from '#shared/contract/problem.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { RedisClock } from '#shared/store/redis/redis-clock.ts';
import type { PutBack } from './consumer.ts';
import type { FinishedRuns } from './finished-runs.ts';
import type { Handler, HandlerContext, HandlerReply } from '../handlers/handler.ts';

/** What a request gets that is not begun, since its deadline has passed. Its gateway may not know yet that it has. */
export function droppedUnrun(): HandlerReply {
  return problemReply('reply_timeout', 'It was not begun by its deadline.');
}

/** What a request gets that was begun and not answered by its deadline: its gateway has answered 504 by itself. */
function tooLate({ keepMs }: JobData): HandlerReply | undefined {
  return keepMs === undefined ? undefined : problemReply('reply_timeout', 'It was not done by its deadline.');
}

/** What a request gets whose handler was not waited for. */
function letGoReply({ reason }: AbortSignal, job: JobData): HandlerReply | undefined {
  const cancelled = reason instanceof DOMException && reason.name === 'AbortError';
  return cancelled ? problemReply('cancelled', 'The request was cancelled while it was run.') : tooLate(job);
}

/** A request that is being run. Its deadline is reckoned once: no later measurement of Redis's clock makes it later. */
export class Running {
  readonly abort = new AbortController();
  /** Its deadline by `performance.now()`. */
  readonly until: number;
  /** Its deadline by the clock of this host, in ms since the epoch. */
  readonly deadline: number;
  finished: Promise<PutBack | undefined> | undefined;
  #letGo: (() => void) | undefined;

  /** @param deadline of its job, in ms since the epoch by Redis's clock. */
  constructor(deadline: number, clock: RedisClock) {
    this.until = clock.at(deadline);
    this.deadline = clock.toOwn(deadline);
  }

  /**
   * @returns what the handler answers, or undefined once it is not waited for any more.
   */
  answer(handled: Promise<HandlerReply>): Promise<HandlerReply | undefined> {
    return new Promise((resolve, reject) => {
      this.#letGo = () => resolve(undefined);
      // What an abandoned handler answers or throws later is of no interest any more.
      handled.then(resolve, reject);
    });
  }

  /** Its handler is not waited for any more. */
  letGo(reason: DOMException): void {
    this.abort.abort(reason);
    this.#letGo?.();
  }
}

export interface HandlerCallsOptions {
  readonly handler: Handler;
  /** The replica whose queue the jobs are from. */
  readonly replica: string;
  /** The replica whose worker this is: another one where the queue is adopted. */
  readonly worker: string;
  /** What this worker has run, from whatever queue. */
  readonly finished: FinishedRuns;
  readonly log: Logger;
}

/** Has requests answered by the handler, each until its deadline at most. */
export class HandlerCalls {
  readonly #options: HandlerCallsOptions;

  constructor(options: HandlerCallsOptions) {
    this.#options = options;
  }

  /** @returns the reply, or undefined when the deadline came first and nobody asks for it later. */
  answer(
    id: string,
    job: JobData,
    attempt: number,
    running: Running,
    stored?: Buffer,
  ): HandlerReply | undefined | Promise<HandlerReply | undefined> {
    const { handler, worker } = this.#options;
    const { signal } = running.abort;
    const { deadline } = running;
    const context: HandlerContext = { replica: worker, requestId: id, attempt, deadline, signal };
    let handled: HandlerReply | Promise<HandlerReply>;
    try {
      signal.throwIfAborted();
      handled = handler.handle(decodeJob(job, stored), context);
    } catch (error) {
      return this.#ended(id, job, this.#failed(id, job, signal, error));
    }
    if (handled instanceof Promise) return this.#awaited(id, job, running, handled);
    return this.#ended(id, job, this.#signed(handled));
  }

  async #awaited(
    id: string,
    job: JobData,
    running: Running,
    handled: Promise<HandlerReply>,
  ): Promise<HandlerReply | undefined> {
    const { signal } = running.abort;
    const timer = setTimeout(
      () => running.letGo(new DOMException(`the deadline of request ${id} has passed`, 'TimeoutError')),
      Math.max(0, running.until - performance.now()),
    );
    let reply: HandlerReply | undefined;
    try {
      reply = await running.answer(handled);
      reply = reply === undefined ? letGoReply(signal, job) : this.#signed(reply);
    } catch (error) {
      reply = this.#failed(id, job, signal, error);
    }
    clearTimeout(timer);
    return this.#ended(id, job, reply);
  }

  /** The reply of a worker that serves the queue of another one says so. */
  #signed(reply: HandlerReply): HandlerReply {
    const { worker, replica } = this.#options;
    if (worker === replica) return reply;
    return { ...reply, headers: [...reply.headers, 'Ringpost-Adopted-By', worker] };
  }

  #failed(id: string, job: JobData, signal: AbortSignal, error: unknown): HandlerReply | undefined {
    const { worker, log } = this.#options;
    if (signal.aborted) return letGoReply(signal, job);
    log.error({ request: id, err: error }, 'the handler failed');
    return problemReply('handler_failed', `The handler of replica ${worker} failed on this request.`);
  }

  /** What must not run again is remembered from its end on. */
  #ended(id: string, job: JobData, reply: HandlerReply | undefined): HandlerReply | undefined {
    if (job.redelivery === 'never') this.#options.finished.add(id, performance.now());
    return reply;
  }
}
