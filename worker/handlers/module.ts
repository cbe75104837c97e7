import { stat } from 'node:fs/promises';
import { setSourceMapsSupport } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { HttpRequest } from '#shared/contract/http.ts';
import { problemReply } from '#shared/contract/problem.ts';
import { shownPath } from '#shared/process/code-frame.ts';

import type { ReplyBudget } from './reply-budget.ts';
import { toHttpReply } from './fetch-reply.ts';
import { canBeFetchRequest, toFetchRequest } from './fetch-request.ts';
import type { Handler, HandlerContext, HandlerReply } from './handler.ts';
import type { HandlerOutput } from './handler-output.ts';
import { explainImport } from './import-fault.ts';
import { acceptLazyRequests } from './lazy/request.ts';
import { installLazyResponse } from './lazy/response.ts';
import { HandlerLoadError } from './load-error.ts';

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

/** @returns the beginning of all errors about the file. */
function notLoaded(path: string): string {
  return `HANDLER ${shownPath(resolve(path))} cannot be loaded`;
}

async function importModule(path: string): Promise<Record<string, unknown>> {
  const file = resolve(path);
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) throw new HandlerLoadError(`${notLoaded(path)}: there is no file ${file}`);
  // Stacks of bundled and compiled code name the files that the user wrote. Those of packages stay as they are.
  setSourceMapsSupport(true, { nodeModules: false, generatedCode: false });
  try {
    // A module's namespace is an object with its exports.
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (cause) {
    const { reason, frame } = await explainImport(cause, file);
    throw new HandlerLoadError(`${notLoaded(path)}: ${reason}`, { cause, frame });
  }
}

function fetchOf(exported: unknown, path: string): Fetch {
  const fetch = methodOf(exported, 'fetch') ?? (typeof exported === 'function' ? exported : undefined);
  if (fetch === undefined) {
    throw new HandlerLoadError(
      `${notLoaded(path)}: the default export must be ${WANTED}, but is ${describe(exported)}`,
    );
  }
  return fetch as Fetch; // checked to be a function; what it returns is checked at each call
}

/** Checks the tag instead of the class, so that a Response from another copy of undici counts too. */
function isResponse(value: unknown): value is Response {
  return Object.prototype.toString.call(value) === '[object Response]';
}

/**
 * Loads the handler in a user's file: its default export, `{ fetch(request, context) }` or the bare function,
 * as in Hono, itty-router and plain fetch-style apps. If the export has `close()` or
 * `[Symbol.asyncDispose]()`, that is called once on close. CONNECT, TRACE and TRACK, which no `Request` can
 * carry, answer 501.
 * @param path the file, relative to the working directory or absolute.
 * @param replica the replica's name, passed on in the context.
 * @param budget limits the bytes of answers.
 * @param output learns which request prints; undefined if what is printed belongs to no request.
 * @throws {HandlerLoadError} that names the file, if there is none, if it cannot be imported, or if it exports
 * no handler.
 */
export async function loadModuleHandler(
  path: string,
  replica: string,
  budget: ReplyBudget,
  output?: HandlerOutput,
): Promise<Handler> {
  // Before the module can keep the global classes in variables of its own.
  installLazyResponse();
  acceptLazyRequests();
  const exported = (await importModule(path))['default'];
  const fetch = fetchOf(exported, path);
  const dispose = methodOf(exported, 'close') ?? methodOf(exported, Symbol.asyncDispose);
  let closing: Promise<void> | undefined;

  async function toReplyLater(
    answer: unknown,
    method: string,
    context: HandlerContext,
  ): Promise<HandlerReply> {
    const response = await answer;
    if (isResponse(response)) return toHttpReply(response, method, context, budget);
    throw new TypeError(
      `HANDLER ${path}: the handler must return a Response, but gave ${describe(response)}`,
    );
  }

  const answerTo = (request: HttpRequest, given: HandlerContext): HandlerReply | Promise<HandlerReply> => {
    if (!canBeFetchRequest(request.method)) {
      const detail = `A fetch-style handler cannot be given a ${request.method} request.`;
      return problemReply('method_not_supported', detail);
    }
    const { requestId, attempt, deadline, signal } = given;
    const context: HandlerContext = { replica, requestId, attempt, deadline, signal };
    const answer = fetch(toFetchRequest(request, signal), context);
    return isResponse(answer)
      ? toHttpReply(answer, request.method, given, budget)
      : toReplyLater(answer, request.method, given);
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
