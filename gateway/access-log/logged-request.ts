import type { Redaction } from '#shared/contract/redaction.ts';
import { withoutUser } from '#shared/contract/redaction.ts';
import type { EndedRequest } from '../http/ended-request.ts';
import type { AccessLogConfig } from './access-log-settings.ts';
import { RecentDigests } from './recent-digests.ts';
import { cut, shownTarget } from './shown-target.ts';

/** What a line of the access log says, in this order. What is not known is undefined. Durations are in ms. */
export interface LoggedRequest {
  /** When its head arrived, in ms since the epoch. */
  readonly at: number;
  /** Undefined if it was refused before it had one. */
  readonly id: string | undefined;
  readonly key: string | undefined;
  readonly method: string;
  readonly path: string;
  readonly protocol: string;
  readonly status: number;
  /** Code of the problem that ringpost answered. */
  readonly reason: string | undefined;
  /** Why the gateway has broken the answer off. */
  readonly aborted: EndedRequest['aborted'];
  readonly mode: EndedRequest['mode'];
  readonly replica: string | undefined;
  /** The owner of the key, if another replica was selected because of the load. */
  readonly spilledFrom: string | undefined;
  readonly attempt: number;
  readonly adoptedBy: string | undefined;
  readonly queueMs: number | undefined;
  readonly serviceMs: number | undefined;
  readonly totalMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly client: string;
  readonly traceId: string | undefined;
  readonly referer: string | undefined;
  readonly userAgent: string | undefined;
}

const digests = new RecentDigests();

/** @returns what the log may say of a request. */
export function loggedRequest(
  request: EndedRequest,
  query: AccessLogConfig['query'],
  redaction: Redaction,
): LoggedRequest {
  const { id, at, key, method, target, status, code, aborted, mode, replica, spilledFrom } = request;
  const { attempt, adoptedBy, head } = request;
  const { queueMs, serviceMs, totalMs, bytesIn, bytesOut, client, traceId } = request;
  const { referer, 'user-agent': userAgent } = head.headers;
  return {
    at,
    id: id === '' ? undefined : id,
    key: key === undefined ? undefined : digests.of(key),
    method,
    path: shownTarget(target, query, redaction),
    protocol: `HTTP/${head.httpVersion}`,
    status,
    reason: code,
    aborted,
    mode,
    replica,
    spilledFrom,
    attempt,
    adoptedBy,
    queueMs,
    serviceMs,
    totalMs,
    bytesIn,
    bytesOut,
    client,
    traceId,
    referer: referer === undefined ? undefined : shownReferer(referer, query, redaction),
    userAgent: userAgent === undefined ? undefined : cut(userAgent),
  };
}

/** A page's URL may carry secrets as a target does. */
function shownReferer(url: string, query: AccessLogConfig['query'], redaction: Redaction): string {
  return shownTarget(withoutUser(url), query, redaction);
}
