import type { Dispatcher, Pool } from 'undici';

import { headerValue, stripHopByHop } from '#shared/contract/headers.ts';
import type { HttpReply, HttpRequest } from '#shared/contract/http.ts';
import { problemReply } from '#shared/contract/problem.ts';
import type { ReplyBudget } from '../reply-budget.ts';
import { GatheredBody, tooLargeReply } from './gathered-body.ts';
import type { HandlerContext } from './handler.ts';

/** undici's codes for a request that it refuses before it opens a connection. */
const REFUSED: ReadonlySet<string> = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED']);

/** The headers to send: without those of the hop, and without Content-Length, which undici writes itself. */
function requestHeaders(raw: readonly string[]): string[] {
  const headers = stripHopByHop(raw);
  return headers.filter((_, at) => headers[at - (at % 2)]?.toLowerCase() !== 'content-length');
}

function replyHeaders(raw: Dispatcher.DispatchController['rawHeaders']): string[] {
  // Over HTTP/1.1, the only protocol that the pool speaks, they are Buffers, names and values in turn.
  if (!Array.isArray(raw)) throw new TypeError('undici gave no raw headers');
  return stripHopByHop(raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1'))));
}

/** @returns the length that the answer's body will have; 0 where it has none, or none that is known. */
function statedLength(method: string, status: number, headers: readonly string[]): number {
  if (method === 'HEAD' || status === 204 || status === 304) return 0;
  const stated = headerValue(headers, 'content-length') ?? '';
  return /^\d+$/.test(stated) ? Number(stated) : 0;
}

/** The answer to a failed exchange. `sent` says whether any byte of the request may have left. */
function failureReply(error: Error, sent: boolean): HttpReply {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  // A connection tried over several addresses fails with an AggregateError, which has a code and no message.
  const reason = error.message || code;
  if (sent) {
    const detail = `The connection to the upstream broke before the answer was whole: ${reason}`;
    return problemReply('outcome_unknown', detail);
  }
  if (REFUSED.has(code)) {
    return problemReply('method_not_supported', `The request cannot be sent to an upstream: ${reason}`);
  }
  const detail = `No connection to the upstream could be made: ${reason}`;
  return problemReply('upstream_unreachable', detail);
}

/**
 * Sends one request and gathers its answer. An answer that passes the limit is not read on: its connection is
 * dropped, and the reply is 502 `reply_too_large`.
 * @param context of the request; if its signal fires, the connection is dropped.
 * @param budget the bytes that the answer, and all of the worker's, may have: past them, reading pauses.
 * @throws the signal's reason alone; all else is a reply.
 */
export function exchange(
  pool: Pool,
  path: string,
  request: HttpRequest,
  { requestId, signal }: HandlerContext,
  budget: ReplyBudget,
): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let status = 0;
    let headers: string[] = [];
    const gathered = new GatheredBody(budget, requestId);

    const abort = (): void => {
      const reason: unknown = signal.reason;
      const error = reason instanceof Error ? reason : new DOMException(String(reason), 'AbortError');
      reject(error);
      controller?.abort(error);
    };
    signal.addEventListener('abort', abort, { once: true });
    const settle = (reply: HttpReply): void => {
      signal.removeEventListener('abort', abort);
      resolve(reply);
    };
    const refuse = (): void => {
      settle(tooLargeReply(budget.limitBytes));
      controller?.abort(new Error('the answer is too large'));
    };
    // Another exchange may be in undici's parser, which cannot be entered twice.
    const readOn = (): void => queueMicrotask(() => controller?.resume());

    pool.dispatch(
      {
        path,
        method: request.method,
        headers: requestHeaders(request.headers),
        body: request.body.byteLength > 0 ? request.body : null,
      },
      {
        // Called as the request is about to be written: before that, nothing was sent.
        onRequestStart(started) {
          // Aborted while it waited for a connection: to throw takes it back and leaves the connection usable.
          signal.throwIfAborted();
          controller = started;
        },
        onResponseStart(started, statusCode) {
          if (statusCode < 200) return; // informational: the answer is still to come
          status = statusCode;
          headers = replyHeaders(started.rawHeaders);
          const length = statedLength(request.method, status, headers);
          if (length > budget.limitBytes) refuse();
          else if (!gathered.expect(length, readOn)) started.pause();
        },
        onResponseData(started, chunk) {
          if (!gathered.add(chunk)) refuse();
          else if (!gathered.mayGrow(readOn)) started.pause();
        },
        onResponseEnd() {
          settle({ status, headers, body: gathered.whole() });
        },
        onResponseError(_, error) {
          settle(failureReply(error, controller !== undefined));
        },
      },
    );
  });
}
