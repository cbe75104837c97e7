import { setTimeout as delay } from 'node:timers/promises';
import type { HttpReply, HttpRequest } from '#shared/contract/http.ts';
import type { Handler, HandlerContext } from './handler.ts';

const EMPTY = new Uint8Array(0);
/** How long `/slow` takes unless `?ms=` says otherwise, and at most. */
const slowMs = 1000;
const maxSlowMs = 60_000;

function jsonReply(status: number, value: unknown): HttpReply {
  const body = Buffer.from(JSON.stringify(value));
  return {
    status,
    headers: ['content-type', 'application/json; charset=utf-8', 'content-length', String(body.byteLength)],
    body,
  };
}

/** The answer to HEAD: the headers of GET, Content-Length included, and no body (RFC 9110 9.3.2). */
function withoutBody(reply: HttpReply): HttpReply {
  return { ...reply, body: EMPTY };
}

function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
}

/** @returns a whole number from the query, or undefined if there is none between `min` and `max`. */
function numberIn(target: string, name: string, min: number, max: number): number | undefined {
  const text = new URLSearchParams(target.slice(pathOf(target).length)).get(name);
  if (text === null || !/^\d{1,9}$/.test(text)) return undefined;
  const number = Number(text);
  return number >= min && number <= max ? number : undefined;
}

function unknownEndpoint(path: string): HttpReply {
  return jsonReply(400, {
    message: `<Error> '${path}' endpoint does not exist in server replicas`,
    status: 'failure',
  });
}

/** Waits before it answers; stops waiting once nobody wants the answer. */
async function slow({ target }: HttpRequest, { replica, signal }: HandlerContext): Promise<HttpReply> {
  const ms = numberIn(target, 'ms', 0, maxSlowMs) ?? slowMs;
  try {
    await delay(ms, undefined, { signal });
  } catch {
    return jsonReply(503, { message: `${replica} stopped before ${ms} ms had passed`, status: 'failure' });
  }
  return jsonReply(200, { message: `${replica} took ${ms} ms`, status: 'successful' });
}

function fail({ target }: HttpRequest, { replica }: HandlerContext): HttpReply {
  const status = numberIn(target, 'status', 400, 599) ?? 500;
  return jsonReply(status, { message: `${replica} failed as it was told to`, status: 'failure' });
}

/** Header fields are left out: they may hold secrets. */
function echo({ method, target, body }: HttpRequest, { replica, attempt }: HandlerContext): HttpReply {
  return jsonReply(200, { replica, attempt, method, target, body: Buffer.from(body).toString('utf8') });
}

function report(_: HttpRequest, { replica }: HandlerContext): HttpReply {
  return jsonReply(200, { message: `Report of ${replica}`, status: 'successful' });
}

type Example = (request: HttpRequest, context: HandlerContext) => HttpReply | Promise<HttpReply>;

/** Paths that answer every method; the examples in the documentation use them. */
const examples = new Map<string, Example>([
  ['/report', report],
  ['/slow', slow],
  ['/fail', fail],
  ['/echo', echo],
]);

/**
 * The built-in service, which runs if neither `HANDLER` nor `UPSTREAM` is set. `GET /home` greets with the
 * replica's name, and `GET /heartbeat` answers 200 without a body; both ignore the query. Every method works
 * with `/report` (a short text), `/slow?ms=1000` (answers late), `/fail?status=500` (answers with that
 * status) and `/echo` (shows what it received). HEAD answers like GET without the body. Everything else
 * answers 400. The replies to `/home` and `/heartbeat` are made once and shared, so nothing may write to
 * them.
 * @param replica the replica's name, e.g. `S1`.
 */
export function createBuiltInHandler(replica: string): Handler {
  const home = jsonReply(200, { message: `Hello from Server: ${replica}`, status: 'successful' });
  const heartbeat: HttpReply = { status: 200, headers: ['content-length', '0'], body: EMPTY };
  const homeHead = withoutBody(home);

  return {
    handle: (request, context) => {
      const { method } = request;
      const isHead = method === 'HEAD';
      const path = pathOf(request.target);
      if (isHead || method === 'GET') {
        if (path === '/home') return isHead ? homeHead : home;
        if (path === '/heartbeat') return heartbeat;
      }
      const example = examples.get(path);
      const reply = example === undefined ? unknownEndpoint(path) : example(request, context);
      if (!isHead) return reply;
      return reply instanceof Promise ? reply.then(withoutBody) : withoutBody(reply);
    },
    close: () => Promise.resolve(),
  };
}
