import { headerValue } from '#shared/contract/headers.ts';
import { decodeJob } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import { problemReply } from '#shared/contract/problem.ts';
import { mayRetry } from '#shared/contract/retry.ts';
import type { ReplyHead } from '#shared/contract/reply.ts';
import type { Logger } from '#shared/process/logger.ts';
import { isSourced } from '../handlers/handler.ts';
import type {
  Handler,
  HandlerAnswer,
  HandlerReply,
  ResumePoint,
  RunContext,
  SourcedReply,
} from '../handlers/handler.ts';
import type { ReplyBudget } from '../handlers/reply-budget.ts';
import { gatherStart } from '../stream/gathered-start.ts';
import { isStream } from '../stream/started-stream.ts';
import type { GatheredStart, StartedStream } from '../stream/started-stream.ts';
import { decideOnHead } from '../stream/stream-decision.ts';
import type { StreamDecision } from '../stream/stream-decision.ts';
import { isRunOnce } from './finished-runs.ts';
import type { FinishedRuns } from './finished-runs.ts';
import { abortedReply, handlerFailedReply } from '../reply/run-problems.ts';
import { HandlerFailures } from '../handlers/handler-failures.ts';
import type { AnswerTally } from './answer-tally.ts';
import type { Running } from './running.ts';

/**
 * The reply to a request that is not started because its deadline has passed. Its gateway may not know that
 * yet.
 */
export function notStartedReply(): HandlerReply {
  return problemReply('reply_timeout', 'It was not started by its deadline.');
}

/**
 * What has become of a request: it has a reply, or the start of a stream. Undefined if the deadline came
 * first and no client asks for the answer later.
 */
export type Answered = HandlerReply | StartedStream | undefined;

/** What was prepared for a request before its handler is called. */
interface Prepared {
  /** Its body, if that was in its own key. */
  readonly storedBody?: Buffer | undefined;
  /** Where its answer is taken up, if an earlier run has begun it. */
  readonly resumeFrom?: ResumePoint | undefined;
}

/** @returns whether the answer to a request may be sent as a stream. */
function mayStream({ frames, gateway, keepMs }: JobData): boolean {
  return frames !== undefined && (gateway !== '' || keepMs !== undefined);
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
  /** Counts the answers to requests that a gateway has marked. */
  readonly tally?: AnswerTally | undefined;
  /** A larger answer is a stream, in bytes. */
  readonly streamAboveBytes: number;
  /** Sends the fields of early hints to the gateway that waits for an answer. */
  readonly onHints: (id: string, job: JobData, headers: readonly string[]) => void;
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

  /** Lets the handler answer. A stream is not read on until it is started. */
  answer(
    id: string,
    job: JobData,
    attempt: number,
    running: Running,
    { storedBody, resumeFrom }: Prepared = {},
  ): Answered | Promise<Answered> {
    const { handler, worker } = this.#options;
    const { signal, deadline } = running;
    const context: RunContext = {
      replica: worker,
      requestId: id,
      attempt,
      deadline,
      signal,
      abandon: (reason) => running.abandon(reason),
      ...(resumeFrom === undefined ? {} : { resumeFrom }),
    };
    let handled: HandlerAnswer | Promise<HandlerAnswer>;
    try {
      signal.throwIfAborted();
      running.begin(attempt);
      handled = handler.handle(decodeJob(job, storedBody), this.#withHints(id, job, context));
    } catch (error) {
      return this.#ended(id, job, running, this.#failed(id, job, running, error));
    }
    if (handled instanceof Promise || isSourced(handled)) return this.#awaited(id, job, running, handled);
    return this.#ended(id, job, running, this.#signed(handled));
  }

  async #awaited(
    id: string,
    job: JobData,
    running: Running,
    handled: SourcedReply | Promise<HandlerAnswer>,
  ): Promise<Answered> {
    const { signal } = running;
    const timer = setTimeout(
      () => running.abort(new DOMException(`the deadline of request ${id} has passed`, 'TimeoutError')),
      Math.max(0, running.until - performance.now()),
    );
    let reply: HandlerReply | undefined;
    let isReading = false;
    try {
      const answer = handled instanceof Promise ? await running.answer(handled) : handled;
      isReading = answer !== undefined && isSourced(answer);
      const start =
        answer !== undefined && isSourced(answer)
          ? await running.answer(this.#gather(id, job, answer, signal))
          : answer;
      if (start !== undefined && isStream(start)) {
        clearTimeout(timer);
        const now = performance.now();
        running.end(now);
        this.#tally(job, running, start.head.status, now);
        return { ...start, head: this.#signed(start.head) };
      }
      reply = start === undefined ? abortedReply(signal, job) : this.#signed(start);
    } catch (error) {
      reply = this.#failed(id, job, running, error);
      if (isReading) running.abandon(error);
    }
    clearTimeout(timer);
    return this.#ended(id, job, running, reply);
  }

  #gather(id: string, job: JobData, answer: SourcedReply, signal: AbortSignal): Promise<GatheredStart> {
    const { budget, streamAboveBytes: aboveBytes } = this.#options;
    return gatherStart(answer, this.#decide(job, answer), { id, budget, aboveBytes }, signal);
  }

  #decide(job: JobData, answer: SourcedReply): StreamDecision {
    const { status, headers, length, problem } = answer;
    const head = {
      method: job.method,
      status,
      type: headerValue(headers, 'content-type'),
      length,
      isProblem: problem !== undefined,
      mayRetry: mayRetry(answer, job),
      readsFrames: mayStream(job),
    };
    return decideOnHead(head, this.#options.streamAboveBytes);
  }

  /** Early hints reach a gateway that waits and knows their frames. */
  #withHints(id: string, job: JobData, context: RunContext): RunContext {
    if (job.frames === undefined || job.gateway === '' || job.keepMs !== undefined) return context;
    return { ...context, onHints: (headers) => this.#options.onHints(id, job, headers) };
  }

  /** The answer of a worker that serves another replica's queue says so. */
  #signed<Head extends ReplyHead>(head: Head): Head {
    const { worker, replica } = this.#options;
    if (worker === replica) return head;
    return { ...head, headers: [...head.headers, 'Ringpost-Adopted-By', worker] };
  }

  #failed(id: string, job: JobData, running: Running, error: unknown): HandlerReply | undefined {
    if (running.isAborted) return abortedReply(running.signal, job);
    this.#failures.add(id, error, performance.now());
    return handlerFailedReply(this.#options.worker);
  }

  #tally({ outlier }: JobData, running: Running, status: number | undefined, now: number): void {
    if (outlier !== undefined) this.#options.tally?.add(outlier, running, status, now);
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
    this.#tally(job, running, reply?.status, now);
    if (isRunOnce(job)) this.#options.finished.add(id, now);
    return reply;
  }
}
