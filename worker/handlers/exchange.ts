import type { ClientRequest, IncomingMessage } from 'node:http';
import { setImmediate as waitForPoll } from 'node:timers/promises';
import { asBuffer } from '#shared/contract/body.ts';
import { headerValue, stripHopByHop } from '#shared/contract/headers.ts';
import type { HttpReply } from '#shared/contract/http.ts';
import { reasonPart } from '#shared/contract/reason.ts';
import type { ReplyBudget } from './reply-budget.ts';
import { GatheredBody, tooLargeReply } from './gathered-body.ts';
import type { HandlerContext } from './handler.ts';
import type { Connection } from './kept-connections.ts';
import type { UpstreamConnections } from './upstream-connections.ts';
import { failureReply, refusedReply, unreadableReply } from './upstream-failures.ts';

/** A request to an upstream. */
export interface Outgoing {
  readonly method: string;
  readonly path: string;
  /** @returns alternating names and values, as they are sent. */
  readonly headersFor: (connection: 'keep-alive' | 'close') => readonly string[];
  readonly body: Uint8Array;
}

/** Sent again if a reused connection was closed: the safe ones of RFC 9110 9.2.1, except TRACE. */
const resentMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
/** A body of up to this many bytes is sent in one string with the head: one write instead of two. */
const textLimit = 4096;

/** @returns the length of the answer's body; 0 if it has no body, or if the length is not stated. */
function statedLength(method: string, status: number, headers: readonly string[]): number {
  if (method === 'HEAD' || status === 204 || status === 304) return 0;
  const stated = headerValue(headers, 'content-length') ?? '';
  return /^\d+$/.test(stated) ? Number(stated) : 0;
}

/** @returns why an answer with this head cannot be passed on, if it cannot. */
function headFault({ statusCode = 0, rawHeaders }: IncomingMessage): string | undefined {
  if (statusCode < 200 || statusCode > 999) {
    return `its status ${String(statusCode).padStart(3, '0')} is not that of a final answer`;
  }
  const codings = rawHeaders.filter(
    (_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === 'transfer-encoding',
  );
  if (codings.length === 0 || /^(?:chunked|identity)$/i.test(codings.join())) return undefined;
  return 'it has a transfer coding other than chunked';
}

/**
 * Sends one request and gathers its answer. If the answer is larger than the limit, its connection is
 * dropped, and the reply is 502 `reply_too_large`. A GET, HEAD or OPTIONS is sent again, on its own
 * connection, if a reused keep-alive connection was closed before any byte of the answer.
 * @param context of the request; if its signal fires, the connection is dropped.
 * @param budget limits the bytes of this answer, and of all answers of the worker: reading pauses when they
 * are used up.
 * @throws only the signal's reason; every other failure is a reply.
 */
export async function exchange(
  connections: UpstreamConnections,
  outgoing: Outgoing,
  context: HandlerContext,
  budget: ReplyBudget,
): Promise<HttpReply> {
  // Lets idle connections process what they have received, such as their end, before one of them is chosen.
  await waitForPoll();
  context.signal.throwIfAborted();
  const first = await attempt(connections, 'pooled', outgoing, context, budget);
  if (first !== 'dropped') return first;
  const second = await attempt(connections, 'single', outgoing, context, budget);
  return second === 'dropped' ? unreadableReply('its connection was dropped') : second;
}

/** @returns the reply; or `dropped` if a reused connection was closed and the request can be sent again. */
function attempt(
  connections: UpstreamConnections,
  kind: 'pooled' | 'single',
  { method, path, headersFor, body }: Outgoing,
  { requestId, signal }: HandlerContext,
  budget: ReplyBudget,
): Promise<HttpReply | 'dropped'> {
  return new Promise((resolve, reject) => {
    const gathered = new GatheredBody(budget, requestId);
    let request: ClientRequest;
    try {
      const headers = headersFor(kind === 'pooled' ? 'keep-alive' : 'close');
      request = connections.request({ method, path, headers }, kind);
    } catch (error) {
      resolve(refusedReply(error));
      return;
    }
    let answer: IncomingMessage | undefined;
    let done = false;
    let connection: Connection | undefined;
    /** @returns whether a reused connection has brought no byte of the answer yet. */
    let droppedBeforeAnswer = (): boolean => false;

    const abort = (): void => {
      done = true;
      const reason: unknown = signal.reason;
      reject(reason instanceof Error ? reason : new DOMException(String(reason), 'AbortError'));
      request.destroy();
    };
    signal.addEventListener('abort', abort, { once: true });
    const settle = (reply: HttpReply | 'dropped'): void => {
      done = true;
      signal.removeEventListener('abort', abort);
      resolve(reply);
    };
    const refuse = (reply: HttpReply): void => {
      settle(reply);
      request.destroy();
    };
    const fail = (error: Error): void => {
      // A failure after the whole answer does not matter.
      if (done || answer?.complete === true) return;
      const maySendAgain = resentMethods.has(method) && isDrop(error) && droppedBeforeAnswer();
      settle(maySendAgain ? 'dropped' : failureReply(error, connection?.open === true));
    };

    request.on('socket', (socket) => {
      const state = connections.stateOf(socket);
      const { bytesRead } = socket;
      const reused = state.requests > 0;
      droppedBeforeAnswer = () => reused && answer === undefined && socket.bytesRead === bytesRead;
      state.requests += 1;
      connection = state;
    });
    request.on('error', fail);
    request.on('close', () => answer ?? fail(new Error('closed')));
    request.on('upgrade', (_, socket) => {
      socket.destroy();
      settle(unreadableReply('its status 101 is not that of a final answer'));
    });
    request.on('response', (response) => {
      answer = response;
      response.on('error', fail);
      const fault = headFault(response);
      if (fault !== undefined) {
        refuse(unreadableReply(fault));
        return;
      }
      const { statusCode: status = 0, statusMessage, rawHeaders } = response;
      if (kind === 'pooled')
        connections.noteKeepAlive(response.socket, headerValue(rawHeaders, 'keep-alive'));
      const headers = stripHopByHop(rawHeaders);
      const length = statedLength(method, status, headers);
      if (length > budget.limitBytes) {
        refuse(tooLargeReply(budget.limitBytes));
        return;
      }
      const readOn = (): void => void response.resume();
      if (!gathered.expect(length, readOn)) response.pause();
      response.on('data', (chunk: Buffer) => {
        if (done) return;
        if (!gathered.add(chunk)) refuse(tooLargeReply(budget.limitBytes));
        else if (!gathered.mayGrow(readOn)) response.pause();
      });
      response.on('end', () => {
        if (done) return;
        settle({ status, ...reasonPart(status, statusMessage), headers, body: gathered.whole() });
        // The upstream answered before it got the whole request, and may never read the rest.
        if (!request.writableFinished) request.destroy();
      });
      response.on('close', () => fail(new Error('closed')));
    });
    write(request, body);
  });
}

function isDrop(error: Error): boolean {
  return 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

function write(request: ClientRequest, body: Uint8Array): void {
  if (body.length === 0) request.end();
  else if (body.length > textLimit) request.end(body);
  else request.end(asBuffer(body).toString('latin1'), 'latin1');
}
