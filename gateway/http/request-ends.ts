import type { ProblemCode } from '#shared/contract/errors.ts';
import type { Logger } from '#shared/process/logger.ts';
import { dispatchRoute, sideOf } from './sides.ts';
import type { Side } from './sides.ts';
import type { Target } from '../edge/request-target.ts';
import type { Answer, AnswerListener, End } from './answer.ts';

/** The purpose of a request: to be dispatched, or a call of the gateway's own paths. */
export type Purpose = 'dispatch' | Side;

/** Counts the ends of requests. */
export interface EndCounter {
  /**
   * @param result the code of the problem in the answer, else its status; 499 if the client left before.
   * @param ms from the request to the end of its answer; undefined if the client left, or the request was not
   * HTTP.
   */
  record(purpose: Purpose, result: string, ms: number | undefined): void;
}

export interface RequestEndsOptions {
  readonly counter: EndCounter;
  /** @returns the path of the route that a request is for. */
  readonly routeOf: (request: Target) => string;
  /** The purpose of requests that cannot be read. */
  readonly unread: Purpose;
  readonly log: Logger;
}

/** The client left before its answer was sent whole. The status is nginx's. */
const left = '499';

/** Counts each request of a listener when it ends, however it ends, and logs it if it failed. */
export class RequestEnds implements AnswerListener {
  readonly #options: RequestEndsOptions;

  constructor(options: RequestEndsOptions) {
    this.#options = options;
  }

  ended(answer: Answer, { whole, problem, ms }: End): void {
    const purpose = this.#purposeOf(answer);
    // If an answer breaks off because the gateway failed, the client did not leave.
    const failed = problem?.code === 'internal';
    const result = whole || failed ? (problem?.code ?? String(answer.statusCode)) : left;
    this.#options.counter.record(purpose, result, whole ? ms : undefined);
    // There are too many dispatched requests to log them.
    if (purpose === 'dispatch') return;
    const { method } = answer.req;
    this.#options.log.debug({ method, side: purpose, result, ms }, 'a call of the gateway was answered');
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
    this.#options.counter.record(this.#options.unread, whole ? code : left, undefined);
  }

  #purposeOf({ req }: Answer): Purpose {
    const { url = '/' } = req;
    if (url === dispatchRoute) return 'dispatch';
    // A request that was answered before it reached a route still has the target that the client sent.
    const route = this.#options.routeOf(req);
    return route === dispatchRoute ? 'dispatch' : sideOf(route.split('?', 1)[0] ?? route);
  }
}
