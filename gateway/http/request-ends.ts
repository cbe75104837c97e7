import type { ProblemCode } from '#shared/contract/errors.ts';
import type { Logger } from '#shared/process/logger.ts';
import { dispatchRoute, sideOf } from './sides.ts';
import type { Side } from './sides.ts';
import type { Target } from '../edge/request-target.ts';
import type { Answer, AnswerListener, End } from './answer.ts';

/** What a request was for: to be dispatched, or a call of the gateway's own paths. */
export type Purpose = 'dispatch' | Side;

/** Where the ends of requests are counted. */
export interface EndCounter {
  /**
   * @param result the code of the problem that was answered, else the status; 499 if the client left before.
   * @param ms from the request to the end of its answer; undefined if the client left, or its request was no
   * HTTP.
   */
  record(purpose: Purpose, result: string, ms: number | undefined): void;
}

export interface RequestEndsOptions {
  readonly counter: EndCounter;
  /** @returns the path of the route that a request is for. */
  readonly routeOf: (request: Target) => string;
  /** What requests are for that cannot be read. */
  readonly unread: Purpose;
  readonly log: Logger;
}

/** The client left before its answer was sent whole; nginx has made this status usual. */
const left = '499';

/** Where each request of a listener ends, however it ends: it is counted here, and logged if it failed. */
export class RequestEnds implements AnswerListener {
  readonly #options: RequestEndsOptions;

  constructor(options: RequestEndsOptions) {
    this.#options = options;
  }

  ended(answer: Answer, { whole, problem, ms }: End): void {
    const purpose = this.#purposeOf(answer);
    // An answer that breaks off because the gateway failed is no client's doing.
    const failed = problem?.code === 'internal';
    const result = whole || failed ? (problem?.code ?? String(answer.statusCode)) : left;
    this.#options.counter.record(purpose, result, whole ? ms : undefined);
    // Dispatched requests are too many, at any level.
    if (purpose === 'dispatch') return;
    const { method } = answer.req;
    this.#options.log.debug({ method, side: purpose, result, ms }, 'a call of the gateway was answered');
  }

  failed(answer: Answer, error: unknown): void {
    const { method } = answer.req;
    this.#options.log.error({ err: error, method, side: this.#purposeOf(answer) }, 'a request failed');
  }

  /**
   * A request was refused that has no response object: it could not be read, or asked for a tunnel.
   * @param whole whether the operating system has taken all of the answer.
   */
  refused(code: ProblemCode, whole: boolean): void {
    this.#options.counter.record(this.#options.unread, whole ? code : left, undefined);
  }

  #purposeOf({ req }: Answer): Purpose {
    const { url = '/' } = req;
    if (url === dispatchRoute) return 'dispatch';
    // What was answered before it came to a route has the target that the client sent.
    const route = this.#options.routeOf(req);
    return route === dispatchRoute ? 'dispatch' : sideOf(route.split('?', 1)[0] ?? route);
  }
}
