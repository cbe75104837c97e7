import { Pool } from 'undici';
import type { Dispatcher } from 'undici';

import { headerValue, stripHopByHop } from '#shared/contract/headers.ts';
import type { HttpReply, HttpRequest } from '#shared/contract/http.ts';
import { problemReply } from '#shared/contract/problem.ts';

import type { Handler } from './handler.ts';

/** undici's codes for a request that it refuses before it opens a connection. */
const REFUSED: ReadonlySet<string> = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED']);

/** Bytes that the head of an answer may have: as many as the gateway takes in a request. */
const HEAD_LIMIT_BYTES = 64 * 1024;

/** The headers to send: without those of the hop, and without Content-Length, which undici writes itself. */
function requestHeaders(raw: readonly string[]): string[] {
  const headers = stripHopByHop(raw);
  return headers.filter((_, at) => headers[at - (at % 2)]?.toLowerCase() !== 'content-length');
}

/** The time that is left, where the client has set a deadline: it counts from the acceptance of the request. */
function withTimeLeft(raw: readonly string[], deadline: number): readonly string[] {
  if (headerValue(raw, 'ringpost-deadline') === undefined) return raw;
  const left = String(Math.max(0, deadline - Date.now()));
  return raw.map((value, at) =>
    at % 2 === 1 && raw[at - 1]?.toLowerCase() === 'ringpost-deadline' ? left : value,
  );
}

function replyHeaders(raw: Dispatcher.DispatchController['rawHeaders']): string[] {
  // Over HTTP/1.1, the only protocol that the pool speaks, they are Buffers, names and values in turn.
  if (!Array.isArray(raw)) throw new TypeError('undici gave no raw headers');
  return stripHopByHop(raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1'))));
}

function notSupported(detail: string): HttpReply {
  return problemReply('method_not_supported', detail);
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
  if (REFUSED.has(code)) return notSupported(`The request cannot be sent to an upstream: ${reason}`);
  const detail = `No connection to the upstream could be made: ${reason}`;
  return problemReply('upstream_unreachable', detail);
}

/** Sends one request and gathers its answer; rejects with the signal's reason alone, all else is a reply. */
function exchange(pool: Pool, path: string, request: HttpRequest, signal: AbortSignal): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let status = 0;
    let headers: string[] = [];
    const chunks: Buffer[] = [];

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
        onResponseStart({ rawHeaders }, statusCode) {
          if (statusCode < 200) return; // informational: the answer is still to come
          status = statusCode;
          headers = replyHeaders(rawHeaders);
        },
        onResponseData(_, chunk) {
          chunks.push(chunk);
        },
        onResponseEnd() {
          const [only] = chunks;
          const body = only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks);
          settle({ status, headers, body });
        },
        onResponseError(_, error) {
          settle(failureReply(error, controller !== undefined));
        },
      },
    );
  });
}

/**
 * Sends each request on to an HTTP/1.1 server over a keep-alive pool and brings the answer back byte for byte:
 * never decoded, never redirected, never retried, bounded by the context's signal alone. Hop-by-hop headers are
 * dropped both ways (RFC 9110 7.6.1). Failures are replies: 502 `upstream_unreachable` where nothing was sent,
 * 502 `outcome_unknown` where the request may have been acted on, 501 `method_not_supported` for CONNECT and for
 * targets that are no path. The promise rejects only with the signal's reason.
 * @param origin the server, `http:` or `https:`; its path, if any, is put before each target
 * @param options.connections how many connections at most, one request on each at a time
 * @throws Error where the origin is of another protocol
 */
export function createUpstreamHandler(origin: URL, options: { connections: number }): Handler {
  const pool = new Pool(origin.origin, {
    connections: options.connections,
    pipelining: 1,
    maxHeaderSize: HEAD_LIMIT_BYTES,
    allowH2: false, // h2 would lose the raw headers
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const prefix = origin.pathname.replace(/\/+$/, '');
  let closing: Promise<void> | undefined;

  return {
    async handle(request, { signal, deadline }) {
      signal.throwIfAborted();
      const { method, target } = request;
      if (method === 'CONNECT' || !target.startsWith('/')) {
        return notSupported(`${method} ${target} cannot be sent to an upstream.`);
      }
      const headers = withTimeLeft(request.headers, deadline);
      return exchange(pool, prefix + target, { ...request, headers }, signal);
    },
    // Whoever closes has drained before; what is still under way is abandoned with its connection.
    close() {
      closing ??= pool.destroy();
      return closing;
    },
  };
}
