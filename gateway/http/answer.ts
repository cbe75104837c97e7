import { ServerResponse } from 'node:http';
import type { Problem } from '#shared/contract/errors.ts';

/** How an answer has ended. */
export interface End {
  /** Whether the operating system has taken all of it. If not, the client has gone or was disconnected. */
  readonly whole: boolean;
  /** The problem that was answered, if any. */
  readonly problem: Problem | undefined;
  /** From the head of the request to the end of the answer, in ms. */
  readonly ms: number;
}

/** Who is told of answers. */
export interface AnswerListener {
  /** Called once for each answer. */
  ended(answer: Answer, end: End): void;
  /** An error that nobody has expected: the request failed by it. */
  failed(answer: Answer, error: unknown): void;
}

/**
 * Node's response to a request. It tells of its end once, whoever writes it: Fastify, a route that has taken
 * the response over, or nobody because the client went away first.
 */
export class Answer extends ServerResponse {
  /**
   * The answer on the same connection that was not sent yet when the request of this one came (pipelining).
   */
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

  /** Notes which problem is answered. */
  noteProblem(problem: Problem): void {
    this.#problem = problem;
    if (problem.code === 'internal') this.noteFailure(problem.cause ?? problem);
  }

  noteFailure(error: unknown): void {
    this.#listener.failed(this, error);
  }

  /**
   * Only the first call counts. The response may stay open for what is unread of the request.
   * @param whole whether the operating system has taken all of the answer.
   */
  tellEnd(whole: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    const ms = performance.now() - this.#startedAt;
    this.#listener.ended(this, { whole, problem: this.#problem, ms });
  }
}

// Not closures: there is one of each, not one for each answer.

/** Node emits `finish` too if the last write has failed because the connection was destroyed. */
function onFinish(this: Answer): void {
  if (!this.destroyed && this.socket?.destroyed !== true) this.tellEnd(true);
}

function onClose(this: Answer): void {
  this.before = undefined;
  this.tellEnd(false);
}

/**
 * @param begin told of each answer as its request comes.
 * @returns the class that Node is to make its responses of.
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
  // Node's type leaves the class of requests open; here it is Node's own.
  return ofListener as typeof ServerResponse;
}

/** Notes which problem a response tells of, so that it is counted by its code. */
export function noteProblem(response: ServerResponse, problem: Problem): void {
  if (response instanceof Answer) response.noteProblem(problem);
}

/** Notes an error that nobody has expected, so that it is logged with its stack. */
export function noteFailure(response: ServerResponse, error: unknown): void {
  if (response instanceof Answer) response.noteFailure(error);
}

/** Notes that a response was sent whole although it is not ended yet. */
export function noteWhole(response: ServerResponse): void {
  if (response instanceof Answer) response.tellEnd(true);
}
