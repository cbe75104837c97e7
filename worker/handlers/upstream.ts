import { Pool } from 'undici';

import { headerValue } from '#shared/contract/headers.ts';
import { problemReply } from '#shared/contract/problem.ts';

import type { ReplyBudget } from '../reply-budget.ts';
import { exchange } from './exchange.ts';
import type { Handler } from './handler.ts';

/** Bytes that the head of an answer may have: as many as the gateway takes in a request. */
const HEAD_LIMIT_BYTES = 64 * 1024;

/** The time that is left, where the client has set a deadline: it counts from the acceptance of the request. */
function withTimeLeft(raw: readonly string[], deadline: number): readonly string[] {
  if (headerValue(raw, 'ringpost-deadline') === undefined) return raw;
  const left = String(Math.max(0, deadline - Date.now()));
  return raw.map((value, at) =>
    at % 2 === 1 && raw[at - 1]?.toLowerCase() === 'ringpost-deadline' ? left : value,
  );
}

/**
 * Sends each request on to an HTTP/1.1 server over a keep-alive pool and brings the answer back byte for byte:
 * never decoded, never redirected, never retried, bounded by the context's signal alone. Hop-by-hop headers are
 * dropped both ways (RFC 9110 7.6.1). Failures are replies: 502 `upstream_unreachable` where nothing was sent,
 * 502 `outcome_unknown` where the request may have been acted on, 501 `method_not_supported` for CONNECT and for
 * targets that are no path. The promise rejects only with the signal's reason.
 * @param origin the server, `http:` or `https:`; its path, if any, is put before each target
 * @param options.connections how many connections at most, one request on each at a time
 * @param options.budget the bytes that answers may have; past its limit the answer is 502 `reply_too_large`
 * @throws Error where the origin is of another protocol
 */
export function createUpstreamHandler(
  origin: URL,
  { connections, budget }: { readonly connections: number; readonly budget: ReplyBudget },
): Handler {
  const pool = new Pool(origin.origin, {
    connections,
    pipelining: 1,
    maxHeaderSize: HEAD_LIMIT_BYTES,
    allowH2: false, // h2 would lose the raw headers
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const prefix = origin.pathname.replace(/\/+$/, '');
  let closing: Promise<void> | undefined;

  return {
    async handle(request, context) {
      context.signal.throwIfAborted();
      const { method, target } = request;
      if (method === 'CONNECT' || !target.startsWith('/')) {
        return problemReply('method_not_supported', `${method} ${target} cannot be sent to an upstream.`);
      }
      const headers = withTimeLeft(request.headers, context.deadline);
      return exchange(pool, prefix + target, { ...request, headers }, context, budget);
    },
    // Whoever closes has drained before; what is still under way is abandoned with its connection.
    close() {
      closing ??= pool.destroy();
      return closing;
    },
  };
}
