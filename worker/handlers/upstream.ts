import { problemReply } from '#shared/contract/problem.ts';
import type { ReplyBudget } from './reply-budget.ts';
import { exchange } from './exchange.ts';
import type { Handler } from './handler.ts';
import { UpstreamConnections } from './upstream-connections.ts';
import { unreachableReply } from './upstream-failures.ts';
import { upstreamHead } from './upstream-head.ts';
import type { UpstreamHeadRules } from './upstream-head.ts';

/** How requests are sent to an upstream. */
export interface UpstreamOptions {
  /** The maximum number of connections. Each carries one request at a time. */
  readonly connections: number;
  /** Limits the bytes of small answers, which are gathered at once; a larger one is 502 `reply_too_large`. */
  readonly budget: ReplyBudget;
  /** Whose `Host` the upstream gets; the client's by default. */
  readonly host?: UpstreamHeadRules['host'];
  /** Which fields say who sent a request; `Forwarded` and `X-Forwarded-*` by default. */
  readonly forwarded?: UpstreamHeadRules['forwarded'];
}

/**
 * Sends each request to an HTTP/1.1 server over a keep-alive pool and passes the answer on byte for byte: it
 * is not decoded, redirects are not followed, and only the context's signal ends the wait. Hop-by-hop headers
 * are dropped both ways (RFC 9110 7.6.1). Early hints are told to the context (RFC 8297); other informational
 * answers are ignored (RFC 9110 15.2). Failures are replies: 502 `upstream_unreachable` if nothing was sent,
 * 502 `outcome_unknown` if the request may have been acted on, 501 `method_not_supported` for CONNECT and for
 * targets that are no path. An answer that breaks off later fails with a {@link BrokenAnswerError}, which has
 * such a reply. The promise rejects only with the signal's reason.
 * @param origin the server, `http:` or `https:`; its path, if any, is put before each target.
 * @throws {Error} if the origin has another protocol.
 */
export function createUpstreamHandler(origin: URL, options: UpstreamOptions): Handler {
  const { budget, host = 'client', forwarded = 'both' } = options;
  const connections = new UpstreamConnections(origin, options.connections);
  const rules: UpstreamHeadRules = { authority: origin.host, host, forwarded };
  const prefix = origin.pathname.replace(/\/+$/, '');
  let closed = false;

  return {
    async handle(request, context) {
      context.signal.throwIfAborted();
      if (closed) return unreachableReply('The worker has closed its connections to the upstream.');
      const { method, target, body } = request;
      // The target `*` means the whole server (RFC 9112 3.2.4).
      const isServerWide = method === 'OPTIONS' && target === '*';
      if (method === 'CONNECT' || !(target.startsWith('/') || isServerWide)) {
        return problemReply('method_not_supported', `${method} ${target} cannot be sent to an upstream.`);
      }
      const path = isServerWide ? target : prefix + target;
      const headersFor = (connection: 'keep-alive' | 'close'): readonly string[] =>
        upstreamHead(request, context, rules, connection);
      return exchange(connections, { method, path, headersFor, body }, context, budget);
    },
    // Requests still in progress are dropped. The worker has drained before.
    close() {
      closed = true;
      connections.close();
      return Promise.resolve();
    },
  };
}
