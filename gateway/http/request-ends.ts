import { catalogue } from '#shared/contract/errors.ts';
import type { ProblemCode } from '#shared/contract/errors.ts';
import type { Logger } from '#shared/process/logger.ts';
import { dispatchRoute, sideOf } from './sides.ts';
import type { Side } from './sides.ts';
import type { Target } from '../edge/request-target.ts';
import type { Answer, AnswerListener, End } from './answer.ts';
import type { EndedRequests } from './ended-requests.ts';
import type { AbortCause, RequestNotes } from './request-notes.ts';

/** The purpose of a request: to be dispatched, or a call of the gateway's own paths. */
export type Purpose = 'dispatch' | Side;

/** Counts the ends of requests. */
export interface EndCounter {
  /**
   * Counts a call of the gateway's own paths.
   * @param result the code of the problem in the answer, else its status; 499 if the client left before.
   */
  called(side: Side, result: string): void;
  /**
   * Counts a stream that has begun.
   * @param ms from the request to the head of its answer.
   */
  begun(ms: number, notes: RequestNotes): void;
  /**
   * Counts a dispatched request.
   * @param status of the answer; 499 if the client left before.
   * @param code of the problem that ringpost answered.
   * @param ms from the request to the end of its answer; undefined if the client left, or the request was not
   * HTTP.
   * @param notes undefined if the request was not HTTP.
   */
  dispatched(
    status: number,
    code: ProblemCode | undefined,
    ms: number | undefined,
    notes: RequestNotes | undefined,
  ): void;
}

export interface RequestEndsOptions {
  readonly counter: EndCounter;
  readonly endedRequests: EndedRequests;
  /** @returns the path of the route that a request is for. */
  readonly routeOf: (request: Target) => string;
  /** The purpose of requests that cannot be read. */
  readonly unread: Purpose;
  readonly log: Logger;
}

/** The client left before its answer was sent whole. The status is nginx's. */
const leftStatus = 499;

/** Counts each request of a listener when it ends, however it ends, and logs it if it failed. */
export class RequestEnds implements AnswerListener {
  readonly #options: RequestEndsOptions;

  constructor(options: RequestEndsOptions) {
    this.#options = options;
  }

  begun(answer: Answer, ms: number): void {
    if (this.#purposeOf(answer) === 'dispatch') this.#options.counter.begun(ms, answer);
  }

  ended(answer: Answer, { whole, problem, ms }: End): void {
    const { counter, endedRequests, log } = this.#options;
    const purpose = this.#purposeOf(answer);
    // If an answer breaks off because the gateway failed, the client did not leave.
    const { aborted } = answer;
    const isAnswered = whole || problem?.code === 'internal' || isOurs(aborted);
    const status = isAnswered ? (problem?.status ?? answer.statusCode) : leftStatus;
    const ownCode = isAnswered ? (problem?.code ?? codeOf(aborted)) : undefined;
    // There are too many dispatched requests to log them.
    if (purpose === 'dispatch') {
      const code = isAnswered ? (ownCode ?? answer.workerProblem) : undefined;
      answer.trace?.ended(status, code, answer);
      counter.dispatched(status, code, whole ? ms : undefined, answer);
      endedRequests.tell(answer, status, code, ms);
      return;
    }
    const result = ownCode ?? String(status);
    counter.called(purpose, result);
    const { method } = answer.req;
    log.debug({ method, side: purpose, result, ms }, 'a call of the gateway was answered');
  }

  failed(answer: Answer, error: unknown): void {
    const { method } = answer.req;
    this.#options.log.error({ err: error, method, side: this.#purposeOf(answer) }, 'a request failed');
  }

  /**
   * Counts a refused request that has no response object: it could not be read, or asked for a tunnel.
   * @param whole whether the operating system took all of the answer.
   */
  refused(code: ProblemCode, whole: boolean): void {
    const { counter, unread } = this.#options;
    if (unread !== 'dispatch') counter.called(unread, whole ? code : String(leftStatus));
    else if (whole) counter.dispatched(catalogue[code].status, code, undefined, undefined);
    else counter.dispatched(leftStatus, undefined, undefined, undefined);
  }

  #purposeOf({ req }: Answer): Purpose {
    const { url = '/' } = req;
    if (url === dispatchRoute) return 'dispatch';
    // A request that was answered before it reached a route still has the target that the client sent.
    const route = this.#options.routeOf(req);
    return route === dispatchRoute ? 'dispatch' : sideOf(route.split('?', 1)[0] ?? route);
  }
}

/** @returns whether an answer broke off for another reason than its client. */
function isOurs(aborted: AbortCause | undefined): boolean {
  return aborted !== undefined && aborted !== 'slow';
}

/** @returns the problem that an answer is counted by which was broken off. */
function codeOf(aborted: AbortCause | undefined): ProblemCode | undefined {
  switch (aborted) {
    case 'gap':
    case 'lost':
      return 'outcome_unknown';
    case 'stop':
      return 'cancelled';
    case 'slow':
      return undefined;
    default:
      return aborted;
  }
}
