import { decodeJob } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import { problemReply } from '#shared/contract/problem.ts';
import type { Logger } from '#shared/process/logger.ts';
import { isSourced } from '../handlers/handler.ts';
import type {
  Handler,
  HandlerAnswer,
  HandlerContext,
  HandlerReply,
  SourcedReply,
} from '../handlers/handler.ts';
import type { ReplyBudget } from '../handlers/reply-budget.ts';
import { gatherWhole } from '../stream/whole-answer.ts';
import type { FinishedRuns } from './finished-runs.ts';
import { HandlerFailures } from './handler-failures.ts';
import type { Running } from './running.ts';

/**
 * The reply to a request that is not started because its deadline has passed. Its gateway may not know that
 * yet.
 */
export function notStartedReply(): HandlerReply {
  return problemReply('reply_timeout', 'It was not started by its deadline.');
}

/**
 * The reply to a request that was not done by its deadline. If a client waits, its gateway has answered 504
 * by itself.
 */
function expiredReply({ keepMs }: JobData): HandlerReply | undefined {
  return keepMs === undefined ? undefined : problemReply('reply_timeout', 'It was not done by its deadline.');
}

/** The reply to a request whose handler is no longer waited for. */
function abortedReply({ reason }: AbortSignal, job: JobData): HandlerReply | undefined {
  const isCancelled = reason instanceof DOMException && reason.name === 'AbortError';
  return isCancelled
    ? problemReply('cancelled', 'The request was cancelled while it was run.')
    : expiredReply(job);
}

export interface HandlerCallsOptions {
  readonly handler: Handler;
  /** The replica whose queue the jobs are from. */
  readonly replica: string;
  /** The replica whose worker this is: another one if the queue is adopted. */
  readonly worker: string;
  /** The worker as `adopterOf` names it, if the queue is adopted. */
  readonly adopter?: string | undefined;
  /** What this worker has run, from whatever queue. */
  readonly finished: FinishedRuns;
  /** Bytes of answers that the worker holds. */
  readonly budget: ReplyBudget;
  readonly log: Logger;
}

/** Lets the handler answer requests, each until its deadline at most. */
export class HandlerCalls {
  readonly #options: HandlerCallsOptions;
  readonly #failures: HandlerFailures;

  constructor(options: HandlerCallsOptions) {
    this.#options = options;
    this.#failures = new HandlerFailures(options.log);
  }

  /** @returns the reply, or undefined if the deadline came first and no client asks for it later. */
  answer(
    id: string,
    job: JobData,
    attempt: number,
    running: Running,
    storedBody?: Buffer,
  ): HandlerReply | undefined | Promise<HandlerReply | undefined> {
    const { handler, worker } = this.#options;
    const { signal, deadline } = running;
    const context: HandlerContext = { replica: worker, requestId: id, attempt, deadline, signal };
    let handled: HandlerAnswer | Promise<HandlerAnswer>;
    try {
      signal.throwIfAborted();
      running.begin(attempt);
      handled = handler.handle(decodeJob(job, storedBody), context);
    } catch (error) {
      return this.#ended(id, job, running, this.#failed(id, job, signal, error));
    }
    if (handled instanceof Promise || isSourced(handled)) return this.#awaited(id, job, running, handled);
    return this.#ended(id, job, running, this.#signed(handled));
  }

  async #awaited(
    id: string,
    job: JobData,
    running: Running,
    handled: SourcedReply | Promise<HandlerAnswer>,
  ): Promise<HandlerReply | undefined> {
    const { signal } = running;
    const timer = setTimeout(
      () => running.abort(new DOMException(`the deadline of request ${id} has passed`, 'TimeoutError')),
      Math.max(0, running.until - performance.now()),
    );
    let reply: HandlerReply | undefined;
    try {
      const answer = handled instanceof Promise ? await running.answer(handled) : handled;
      reply =
        answer !== undefined && isSourced(answer)
          ? await running.answer(gatherWhole(answer, id, this.#options.budget, signal))
          : answer;
      reply = reply === undefined ? abortedReply(signal, job) : this.#signed(reply);
    } catch (error) {
      reply = this.#failed(id, job, signal, error);
    }
    clearTimeout(timer);
    return this.#ended(id, job, running, reply);
  }

  /** The reply of a worker that serves another replica's queue says so. */
  #signed(reply: HandlerReply): HandlerReply {
    const { worker, replica } = this.#options;
    if (worker === replica) return reply;
    return { ...reply, headers: [...reply.headers, 'Ringpost-Adopted-By', worker] };
  }

  #failed(id: string, job: JobData, signal: AbortSignal, error: unknown): HandlerReply | undefined {
    if (signal.aborted) return abortedReply(signal, job);
    this.#failures.add(id, error, performance.now());
    const { worker } = this.#options;
    return problemReply('handler_failed', `The handler of replica ${worker} failed on this request.`);
  }

  /** A request that must not run again is remembered from its end on. */
  #ended(
    id: string,
    job: JobData,
    running: Running,
    reply: HandlerReply | undefined,
  ): HandlerReply | undefined {
    const now = performance.now();
    running.end(now);
    if (job.redelivery === 'never') this.#options.finished.add(id, now);
    return reply;
  }
}
