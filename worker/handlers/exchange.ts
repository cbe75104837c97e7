import type { ClientRequest, IncomingMessage } from 'node:http';
import { setImmediate as waitForPoll } from 'node:timers/promises';
import { asBuffer } from '#shared/contract/body.ts';
import { headerValue, stripHopByHop } from '#shared/contract/headers.ts';
import { reasonPart } from '#shared/contract/reason.ts';
import { statedLength } from '#shared/contract/stated-length.ts';
import { BrokenAnswerError } from './broken-answer.ts';
import { hintsOf } from './early-hints.ts';
import { uncountedBytes } from './reply-budget.ts';
import type { ReplyBudget } from './reply-budget.ts';
import { GatheredBody, tooLargeReply } from './gathered-body.ts';
import type { HandlerAnswer, RunContext } from './handler.ts';
import type { Connection } from './kept-connections.ts';
import type { UpstreamConnections } from './upstream-connections.ts';
import { UpstreamSource } from './upstream-source.ts';
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

/** @returns the length of the answer's body; undefined if it is not stated. */
function lengthOf(method: string, status: number, headers: readonly string[]): number | undefined {
  if (method === 'HEAD' || status === 204 || status === 304) return 0;
  return statedLength(headerValue(headers, 'content-length'));
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
 * Sends one request. A small answer is gathered; the bytes of any other one are read by whoever wants them. A
 * GET, HEAD or OPTIONS is sent again, on its own connection, if a reused keep-alive connection was closed
 * before any byte of the answer.
 * @param context of the request; if its signal fires, the connection is dropped.
 * @param budget limits the bytes of the answer if it is gathered: above that it is 502 `reply_too_large`.
 * @returns the answer, or the problem in its place. If its connection breaks later, its source fails with a
 * {@link BrokenAnswerError}.
 * @throws only the signal's reason.
 */
export async function exchange(
  connections: UpstreamConnections,
  outgoing: Outgoing,
  context: RunContext,
  budget: ReplyBudget,
): Promise<HandlerAnswer> {
  // Lets idle connections process what they have received, such as their end, before one of them is chosen.
  await waitForPoll();
  context.signal.throwIfAborted();
  const first = await attempt(connections, 'pooled', outgoing, context, budget);
  if (first !== 'dropped') return first;
  const second = await attempt(connections, 'single', outgoing, context, budget);
  return second === 'dropped' ? unreadableReply('its connection was dropped') : second;
}

/** @returns the answer; or `dropped` if a reused connection was closed and the request can be sent again. */
function attempt(
  connections: UpstreamConnections,
  kind: 'pooled' | 'single',
  { method, path, headersFor, body }: Outgoing,
  context: RunContext,
  budget: ReplyBudget,
): HandlerAnswer | Promise<HandlerAnswer | 'dropped'> {
  let request: ClientRequest;
  try {
    const headers = headersFor(kind === 'pooled' ? 'keep-alive' : 'close');
    request = connections.request({ method, path, headers }, kind);
  } catch (error) {
    return refusedReply(error);
  }
  const answered = answerTo(request, connections, kind, method, context, budget);
  write(request, body);
  return answered;
}

/**
 * Waits for the answer to a request. What this function knows lives as long as the request, so it does not
 * know the body: a stream may last for hours.
 */
function answerTo(
  request: ClientRequest,
  connections: UpstreamConnections,
  kind: 'pooled' | 'single',
  method: string,
  { requestId, signal, onHints }: RunContext,
  budget: ReplyBudget,
): Promise<HandlerAnswer | 'dropped'> {
  return new Promise((resolve, reject) => {
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
    const settle = (settled: HandlerAnswer | 'dropped'): void => {
      done = true;
      signal.removeEventListener('abort', abort);
      resolve(settled);
    };
    const refuse = (reply: HandlerAnswer): void => {
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
    if (onHints !== undefined) request.on('information', hintsOf(onHints));
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
      const head = { status, ...reasonPart(status, statusMessage), headers };
      const length = lengthOf(method, status, headers);
      if (length === undefined || length > uncountedBytes) {
        const brokenBy = (error: Error): unknown => new BrokenAnswerError(failureReply(error, true));
        const source = new UpstreamSource({ request, response, signal, brokenBy });
        settle({ ...head, source, ...(length === undefined ? {} : { length }) });
        return;
      }
      if (length > budget.limitBytes) {
        refuse(tooLargeReply(budget.limitBytes));
        return;
      }
      const gathered = new GatheredBody(budget, requestId);
      const readOn = (): void => void response.resume();
      response.on('data', (chunk: Buffer) => {
        if (done) return;
        if (!gathered.add(chunk)) refuse(tooLargeReply(budget.limitBytes));
        else if (!gathered.mayGrow(readOn)) response.pause();
      });
      response.on('end', () => {
        if (done) return;
        settle({ ...head, body: gathered.whole() });
        // The upstream answered before it got the whole request, and may never read the rest.
        if (!request.writableFinished) request.destroy();
      });
      response.on('close', () => fail(new Error('closed')));
    });
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
