import type { HttpRequest } from '#shared/contract/http.ts';
import { problemReply } from '#shared/contract/problem.ts';

import type { ReplyBudget } from './reply-budget.ts';
import { toHandlerAnswer } from './fetch-reply.ts';
import { canBeFetchRequest, toFetchRequest, toNativeRequest } from './fetch-request.ts';
import type { Handler, HandlerAnswer, HandlerContext, RunContext } from './handler.ts';
import type { HandlerOutput } from './handler-output.ts';

/** The fetch-style function of a handler module. It is the user's, so what it returns is checked. */
type Fetch = (request: Request, context: HandlerContext) => unknown;

const WANTED = 'a function (request, context) => Response or an object with such a fetch method';

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  return `an object of type ${Object.prototype.toString.call(value).slice(8, -1)}`;
}

/**
 * @returns the method of that name, bound to its object. It asks with `in` before it reads: a router may be a
 * proxy that makes a route of every property that is read (itty-router), `close` and `then` included.
 */
function methodOf(value: unknown, name: string | symbol): ((...args: never[]) => unknown) | undefined {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return undefined;
  if (!(name in value)) return undefined;
  const member: unknown = Reflect.get(value, name);
  return typeof member === 'function' ? member.bind(value) : undefined;
}

function fetchOf(exported: unknown, { where, what, unusable }: FetchHandlerOptions): Fetch {
  const fetch = methodOf(exported, 'fetch') ?? (typeof exported === 'function' ? exported : undefined);
  if (fetch === undefined) {
    const text = `${what} must be ${WANTED}, but is ${describe(exported)}`;
    throw unusable?.(text) ?? new TypeError(`${where}: ${text}`);
  }
  return fetch as Fetch; // checked to be a function; what it returns is checked at each call
}

/** Checks the tag instead of the class, so that a Response from another copy of undici counts too. */
function isResponse(value: unknown): value is Response {
  return Object.prototype.toString.call(value) === '[object Response]';
}

export interface FetchHandlerOptions {
  /** The beginning of messages about it, e.g. `HANDLER app.ts`. */
  readonly where: string;
  /** What it is, e.g. `the default export`. */
  readonly what: string;
  /** The replica's name, passed on in the context. */
  readonly replica: string;
  /** Limits the bytes of answers. */
  readonly budget: ReplyBudget;
  /** Whether it gets native `Request`s. Lazy ones are faster, and need the globals that accept them. */
  readonly native?: boolean;
  /** Learns which request the handler prints for. */
  readonly output?: HandlerOutput | undefined;
  /** Makes the error if it is no handler; a `TypeError` by default. */
  readonly unusable?: (text: string) => Error;
}

/**
 * Makes a handler of `{ fetch(request, context) }` or of the bare function, as in Hono, itty-router and plain
 * fetch-style apps. If it has `close()` or `[Symbol.asyncDispose]()`, that is called once on close. CONNECT,
 * TRACE and TRACK, which no `Request` can carry, answer 501.
 * @throws {Error} the one of `unusable` if it is neither.
 */
export function createFetchHandler(exported: unknown, options: FetchHandlerOptions): Handler {
  const { where, replica, budget, native = false, output } = options;
  const fetch = fetchOf(exported, options);
  const dispose = methodOf(exported, 'close') ?? methodOf(exported, Symbol.asyncDispose);
  const requestOf = native ? toNativeRequest : toFetchRequest;
  let closing: Promise<void> | undefined;

  async function toAnswerLater(answer: unknown, method: string, context: RunContext): Promise<HandlerAnswer> {
    const response = await answer;
    if (isResponse(response)) return toHandlerAnswer(response, method, context, budget);
    throw new TypeError(`${where}: the handler must return a Response, but gave ${describe(response)}`);
  }

  const answerTo = (request: HttpRequest, given: RunContext): HandlerAnswer | Promise<HandlerAnswer> => {
    if (!canBeFetchRequest(request.method)) {
      const detail = `A fetch-style handler cannot be given a ${request.method} request.`;
      return problemReply('method_not_supported', detail);
    }
    const { requestId, attempt, deadline, signal, resumeFrom } = given;
    const context: HandlerContext = {
      replica,
      requestId,
      attempt,
      deadline,
      signal,
      ...(resumeFrom === undefined ? {} : { resumeFrom }),
    };
    const answer = fetch(requestOf(request, signal), context);
    return isResponse(answer)
      ? toHandlerAnswer(answer, request.method, given, budget)
      : toAnswerLater(answer, request.method, given);
  };

  return {
    handle:
      output === undefined
        ? answerTo
        : (request, given) => output.during(given.requestId, answerTo, request, given),
    close() {
      closing ??= (async () => {
        await dispose?.();
      })();
      return closing;
    },
  };
}
