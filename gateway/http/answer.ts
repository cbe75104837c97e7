import type { ServerResponse } from 'node:http';
import type { Problem, ProblemCode } from '#shared/contract/errors.ts';
import { http } from '#shared/contract/node-http.ts';
import type { AbortCause, NotedOutcome, NotedRequest, RequestNotes, RequestTrace } from './request-notes.ts';

/** How an answer ended. */
export interface End {
  /** Whether the operating system took all of it. If not, the client left or was disconnected. */
  readonly whole: boolean;
  /** The problem that was answered, if any. */
  readonly problem: Problem | undefined;
  /** From the head of the request to the end of the answer, in ms. */
  readonly ms: number;
}

/** Listens to the beginnings, ends and failures of answers. */
export interface AnswerListener {
  /**
   * Called when the head of a stream was written.
   * @param ms from the head of the request.
   */
  begun(answer: Answer, ms: number): void;
  /** Called once for each answer. */
  ended(answer: Answer, end: End): void;
  /** Called if a request failed because of an unexpected error. */
  failed(answer: Answer, error: unknown): void;
}

/**
 * Node's response to a request. It reports its end once, whether Fastify writes it, a route does, or the
 * client leaves before anything is written.
 */
export class Answer extends http.ServerResponse implements RequestNotes {
  target: string | undefined;
  request: NotedRequest | undefined;
  outcome: NotedOutcome | undefined;
  bodyBytes = 0;
  /** The problem that a worker has answered. */
  workerProblem: ProblemCode | undefined;
  trace: RequestTrace | undefined;
  aborted: AbortCause | undefined;
  /**
   * It has neither a length nor chunks (HTTP/1.0), so its client takes the end of the connection for that of
   * the answer. Only a reset tells it that there should be more.
   */
  isCloseDelimited = false;
  /** The answer on the same connection that was not sent yet when this one's request arrived (pipelining). */
  before: Answer | undefined;
  readonly #startedAt = performance.now();
  readonly #listener: AnswerListener;
  #problem: Problem | undefined;
  #ended = false;

  constructor(listener: AnswerListener, ...request: ConstructorParameters<typeof ServerResponse>) {
    super(...request);
    this.#listener = listener;
    this.on('finish', onFinish);
    this.on('close', onClose);
  }

  /** Notes which problem is the answer. */
  noteProblem(problem: Problem): void {
    this.#problem = problem;
    if (problem.code === 'internal') this.noteFailure(problem.cause ?? problem);
  }

  noteBegun(): void {
    this.#listener.begun(this, performance.now() - this.#startedAt);
  }

  noteFailure(error: unknown): void {
    this.#listener.failed(this, error);
  }

  /**
   * Reports the end; only the first call counts. The response may stay open to read the rest of the request.
   * @param whole whether the operating system took all of the answer.
   */
  tellEnd(whole: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    const ms = performance.now() - this.#startedAt;
    this.#listener.ended(this, { whole, problem: this.#problem, ms });
  }
}

// Functions, not closures: one of each serves all answers.

/** Node emits `finish` also if the last write failed because the connection was destroyed. */
function onFinish(this: Answer): void {
  if (!this.destroyed && this.socket?.destroyed !== true) this.tellEnd(true);
}

function onClose(this: Answer): void {
  this.before = undefined;
  this.tellEnd(false);
}

/**
 * @param begin called with each answer when its request arrives.
 * @returns the class of which Node makes its responses.
 */
export function answerClass(
  listener: AnswerListener,
  begin: (answer: Answer) => void,
): typeof ServerResponse {
  const ofListener = class extends Answer {
    constructor(...request: ConstructorParameters<typeof ServerResponse>) {
      super(listener, ...request);
      begin(this);
    }
  };
  // Node's type is generic in the class of requests; here that is Node's own.
  return ofListener as typeof ServerResponse;
}

/** Notes the target of the request of a response, which Fastify has rewritten in the request. */
export function noteTarget(response: ServerResponse, target: string): void {
  if (response instanceof Answer) response.target = target;
}

/** Notes which request a response answers. */
export function noteRequest(response: ServerResponse, request: NotedRequest): void {
  if (response instanceof Answer) response.request = request;
}

/** Notes where the request of a response went, and how it was run. A later note replaces an earlier one. */
export function noteOutcome(response: ServerResponse, outcome: NotedOutcome): void {
  if (response instanceof Answer) response.outcome = outcome;
}

/** Notes the span of the request of a response. It is told when the answer has ended. */
export function noteTrace(response: ServerResponse, trace: RequestTrace): void {
  if (response instanceof Answer) response.trace = trace;
}

/** Notes how many bytes the body of a response has. */
export function noteBody(response: ServerResponse, bytes: number): void {
  if (response instanceof Answer) response.bodyBytes = bytes;
}

/** Notes why the gateway breaks a response off whose head was sent. It is to be called before that. */
export function noteAborted(response: ServerResponse, cause: AbortCause): void {
  if (response instanceof Answer) response.aborted = cause;
}

/** Notes that a response has neither a length nor chunks. */
export function noteCloseDelimited(response: ServerResponse): void {
  if (response instanceof Answer) response.isCloseDelimited = true;
}

/** @returns why the gateway breaks a response off; undefined if it does not. */
export function abortOf(response: ServerResponse): AbortCause | undefined {
  return response instanceof Answer ? response.aborted : undefined;
}

/** Notes that the head of a stream was written. */
export function noteBegun(response: ServerResponse): void {
  if (response instanceof Answer) response.noteBegun();
}

/** Notes that the body of a request is no longer needed: its length is enough. */
export function noteBodyDone(response: ServerResponse): void {
  if (!(response instanceof Answer) || response.request === undefined) return;
  const { method, target, body } = response.request.request;
  const { ip, key, hasRandomKey, preference } = response.request;
  const request = { method, target, body: { length: body.length } };
  response.request = { request, ip, key, hasRandomKey, preference };
}

/** Notes which problem a response contains, so that it is counted by its code. */
export function noteProblem(response: ServerResponse, problem: Problem): void {
  if (response instanceof Answer) response.noteProblem(problem);
}

/** Notes which problem a worker has answered. */
export function noteWorkerProblem(response: ServerResponse, code: ProblemCode): void {
  if (response instanceof Answer) response.workerProblem = code;
}

/** Notes an unexpected error, so that it is logged with its stack. */
export function noteFailure(response: ServerResponse, error: unknown): void {
  if (response instanceof Answer) response.noteFailure(error);
}

/** Notes that a response was sent whole, although it is not ended yet. */
export function noteWhole(response: ServerResponse): void {
  if (response instanceof Answer) response.tellEnd(true);
}
