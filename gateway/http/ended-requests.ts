import type { ProblemCode } from '#shared/contract/errors.ts';
import { peerAddress } from '#shared/contract/ip-address.ts';
import type { Answer } from './answer.ts';
import type { EndedRequest, EndedRequestListener } from './ended-request.ts';

/** Tells listeners of each dispatched request that has ended. Without a listener it does nothing. */
export class EndedRequests {
  readonly #listeners = new Set<EndedRequestListener>();
  readonly #now: () => number;

  /** @param now returns Redis time, in ms since the epoch. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * @param listener is called in the event loop's turn in which a request ends. It must be fast and must not
   * throw.
   * @returns a function that removes the listener.
   */
  add(listener: EndedRequestListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Tells the listeners of a request that has ended.
   * @param status of the answer; 499 if the client left.
   * @param ms from the head of the request to the end of its answer.
   */
  tell(answer: Answer, status: number, code: ProblemCode | undefined, ms: number): void {
    if (this.#listeners.size === 0) return;
    const ended = endedRequest(answer, this.#now(), status, code, ms);
    for (const listener of this.#listeners) {
      if (ended.id === '') listener.refused?.(ended);
      else listener.ended(ended);
    }
  }
}

function endedRequest(
  answer: Answer,
  now: number,
  status: number,
  code: ProblemCode | undefined,
  ms: number,
): EndedRequest {
  const { request, outcome, bodyBytes, aborted, trace, req } = answer;
  const method = request?.request.method ?? req.method ?? 'GET';
  const ran = outcome?.ran;
  return {
    id: outcome?.id ?? '',
    at: Math.round(now - ms),
    method,
    target: request?.request.target ?? answer.target ?? req.url ?? '/',
    key: request?.hasRandomKey === true ? undefined : request?.key,
    replica: outcome?.replica,
    spilledFrom: outcome?.spilledFrom,
    status,
    code,
    aborted,
    mode: request?.preference.respondAsync === true ? 'async' : 'wait',
    attempt: ran?.attempt ?? 1,
    adoptedBy: ran?.adoptedBy,
    queueMs: ran === undefined ? undefined : rounded(ran.queueMs),
    serviceMs: ran === undefined ? undefined : rounded(ran.serviceMs),
    totalMs: rounded(ms),
    bytesIn: request?.request.body.length ?? 0,
    bytesOut: method === 'HEAD' || !answer.headersSent ? 0 : bodyBytes,
    client: request?.ip ?? peerAddress(req.socket),
    traceId: trace?.traceId ?? sentTraceId(req.headers.traceparent),
    head: req,
  };
}

/** @returns the trace id of a `traceparent` (W3C Trace Context); undefined for anything else. */
function sentTraceId(field: string | string[] | undefined): string | undefined {
  if (typeof field !== 'string') return undefined;
  return /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}/.exec(field)?.[1];
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}
