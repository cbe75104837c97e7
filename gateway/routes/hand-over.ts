import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { encodeCaller } from '#shared/contract/caller.ts';
import type { HttpRequest } from '#shared/contract/http.ts';
import { headOf } from '#shared/contract/reply.ts';
import type { Reply } from '#shared/contract/reply.ts';
import { finalStates } from '#shared/contract/request-record.ts';
import { Problem, retryAfterSeconds } from '#shared/contract/errors.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { Callbacks } from '../callbacks/callbacks.ts';
import type { Callers } from '../caller/callers.ts';
import { delayFault } from '../request/directives.ts';
import type { Capacity } from '../dispatch/capacity.ts';
import type { HeldBytes } from '../request/held-bytes.ts';
import type { Place } from '../dispatch/queue-count.ts';
import type { Directives } from '../request/directives.ts';
import { appliedPreference } from '../request/prefer.ts';
import type { Preference } from '../request/prefer.ts';
import type { IdempotencyClaims } from '#shared/store/idempotency-claims.ts';
import { firstRequest } from '../async/first-request.ts';
import type { Claimant } from '../async/first-request.ts';
import type { IdempotentRequest } from '../async/idempotency.ts';
import type { KeptReplies } from '#shared/store/kept-replies.ts';
import { readAnswer } from '../records/kept-answer.ts';
import type { KnownRequest, RequestRecords } from '#shared/store/request-records.ts';
import { requestPath, viewOf } from '../records/request-view.ts';
import type { RequestEnds } from '#shared/store/request-ends.ts';
import { untilFinal } from '../records/until-final.ts';
import type { Watch, Watches } from '../records/watches.ts';
import { writeProblem } from '../http/problem-response.ts';
import { writeReply } from './reply-response.ts';
import type { UnsentAnswers } from './unsent-answers.ts';

export interface HandOverOptions {
  readonly dispatcher: Dispatcher;
  readonly capacity: Capacity;
  readonly records: RequestRecords;
  readonly replies: KeptReplies;
  readonly watches: Watches;
  readonly claims: IdempotencyClaims;
  readonly ends: RequestEnds;
  readonly callers: Callers;
  readonly held: HeldBytes;
  readonly unsent: UnsentAnswers;
  readonly callbacks: Callbacks;
  /** Time in ms in which a request has to be done that nobody waits for. */
  readonly asyncTimeoutMs: number;
  /** Time in ms for which the answer of such a request is kept. */
  readonly keepMs: number;
  /** The longest that a client waits for an answer, in ms. */
  readonly replyTimeoutMs: number;
}

/** What the client asks for. */
export interface Asked {
  readonly preference: Preference;
  readonly directives: Directives;
  readonly idempotent: IdempotentRequest | undefined;
}

/** A request that is handed over, or has been before under the same idempotency key. */
interface Handed {
  readonly known: KnownRequest;
  /** Its place in its queue's count; undefined for one that was handed over before. */
  readonly place: Place | undefined;
}

/**
 * Answers a request that is not simply waited for, from its record. With `Prefer: respond-async` (RFC 7240 4.1) 202 as
 * soon as it is durable, or the answer where it comes within `wait`. With an `Idempotency-Key` the first answer, also
 * to those who repeat the request.
 */
export async function handOver(
  options: HandOverOptions,
  request: HttpRequest,
  ip: string,
  asked: Asked,
  response: ServerResponse,
): Promise<void> {
  const { replies, watches, claims, held, unsent, replyTimeoutMs } = options;
  const { preference } = asked;
  const { respondAsync, waitMs } = preference;
  const patienceMs = respondAsync ? waitMs : Math.min(waitMs ?? replyTimeoutMs, replyTimeoutMs);
  const { socket } = response.req;
  // Before the request is accepted: what is accepted gets an answer, and not 503.
  const watch = patienceMs === undefined ? undefined : placeToWait(watches, socket, respondAsync);
  let known: KnownRequest;
  let found: KnownRequest;
  let place: Place | undefined;
  try {
    ({ known, place } = await begin(options, request, ip, asked, socket));
    found = known;
    if (watch !== undefined && patienceMs !== undefined) {
      const onStop = respondAsync ? 'answer' : 'wait';
      found = (await untilFinal(watch, known.id, { waitMs: patienceMs, known, onStop })) ?? known;
      if (watch.gone) return;
    }
  } finally {
    watch?.end();
  }
  const { id, replica } = known;
  const own = ['Ringpost-Replica', replica, 'Ringpost-Request', id];
  if (respondAsync) own.push('Preference-Applied', appliedPreference(preference));
  if (place === undefined) own.push('Idempotent-Replayed', 'true');
  if (finalStates.has(found.record.state) && place !== undefined) {
    place.free();
    const { idempotent } = asked;
    if (idempotent !== undefined) claims.end(idempotent, id, found.record.deadline).catch(() => undefined);
  }
  let gone = false;
  if (finalStates.has(found.record.state) && !cameToNothing(found)) {
    let answered = false;
    const answer = (kept: Reply | undefined): void => {
      gone = kept?.body === undefined;
      if (kept?.body === undefined) return;
      writeReply(response, request.method, { ...headOf(kept), body: kept.body }, own, unsent);
      answered = true;
    };
    await readAnswer(replies, found, held, () => !socket.destroyed, answer).catch(() => undefined);
    if (answered || socket.destroyed) return;
  }
  if (respondAsync && !cameToNothing(found)) writeAccepted(response, found, own);
  else writeProblem(response, noAnswer(found, gone), own);
}

/**
 * @returns undefined if too many wait: the client is told at once that its request is accepted.
 * @throws {Problem} `over_capacity` if too many wait and the client asks for the answer and nothing else.
 */
function placeToWait(watches: Watches, socket: Socket, respondAsync: boolean): Watch | undefined {
  return respondAsync ? watches.tryOpen(socket) : watches.open(socket);
}

/** The time to do it counts from when it may be run; a deadline of the client's own from its acceptance. */
function deadlineOf(accepted: number, { notBefore, deadlineMs }: Directives, timeoutMs: number): number {
  return deadlineMs === undefined ? Math.max(accepted, notBefore ?? 0) + timeoutMs : accepted + deadlineMs;
}

/** @throws {Problem} where the request is not taken. */
async function begin(
  options: HandOverOptions,
  request: HttpRequest,
  ip: string,
  { preference: { respondAsync }, directives, idempotent }: Asked,
  socket: Socket,
): Promise<Handed> {
  const { dispatcher, capacity, claims, callers, callbacks } = options;
  const { asyncTimeoutMs, keepMs, replyTimeoutMs } = options;
  const selected = dispatcher.select(request, ip, directives);
  if (selected.refusal !== undefined) throw selected.refusal;
  const { id, replica } = selected;
  const accepted = dispatcher.now;
  const deadline = deadlineOf(accepted, directives, respondAsync ? asyncTimeoutMs : replyTimeoutMs);
  const tooLate = delayFault(directives, deadline);
  if (tooLate !== undefined) throw tooLate;
  if (directives.callbacks !== undefined) await callbacks.check(directives.callbacks);
  if (idempotent !== undefined) {
    const first = await firstRequest(options, { idempotent, id, deadline, socket });
    if (first !== undefined) return { known: first, place: undefined };
  }
  const { target, headers } = request;
  const caller = idempotent?.caller ?? callers.of({ target, headers, ip });
  const terms = {
    accepted,
    deadline,
    keepMs: idempotent === undefined ? keepMs : claims.ttlMs,
    directives,
    ...(idempotent !== undefined || caller.alone ? { caller: encodeCaller(caller) } : {}),
  };
  let handedOver = false;
  try {
    return await capacity.hold(replica, request.body.length, async (place) => {
      handedOver = true;
      const refusal = await dispatcher.acceptAsync(request, selected, terms);
      if (refusal !== undefined) throw refusal;
      place.arrive();
      const { method } = request;
      const record = { state: 'queued', change: 1, method, target, accepted, deadline, attempts: 0 } as const;
      return { known: { id, replica, gateway: '', record }, place };
    });
  } catch (error) {
    // Redis may be away: whoever has the key next finds then that this one never began.
    if (idempotent !== undefined && error instanceof Problem && error.status === 503) {
      await releaseKey(options, { idempotent, id, deadline }, handedOver).catch(() => undefined);
    }
    throw error;
  }
}

/** A request was not taken; if it never begins, the next one under its key need not wait for it. */
async function releaseKey(
  { claims, ends }: HandOverOptions,
  { idempotent, id, deadline }: Omit<Claimant, 'socket'>,
  handedOver: boolean,
): Promise<void> {
  const never = !handedOver || (await ends.endUnstarted(id, idempotent.caller, claims.lifeMs(deadline)));
  if (never) await claims.release(idempotent, id);
}

/** It has no answer that could be given again. */
function cameToNothing({ record }: KnownRequest): boolean {
  return record.state === 'expired' || record.state === 'cancelled';
}

/** @param gone whether its answer was kept for its time, and is gone. */
function noAnswer({ id, record: { state } }: KnownRequest, gone: boolean): Problem {
  if (state === 'cancelled') return new Problem('cancelled', 'The request was cancelled.');
  if (gone) return new Problem('answer_gone', 'The answer was kept for its time, and is gone.');
  const detail =
    state === 'expired'
      ? 'The request was not done by its deadline.'
      : `The request was ${state} when the time to wait for its answer was over.`;
  return new Problem('reply_timeout', detail, { instance: requestPath(id) });
}

function writeAccepted(response: ServerResponse, known: KnownRequest, own: readonly string[]): void {
  const body = Buffer.from(JSON.stringify(viewOf(known)));
  response.writeHead(202, [
    'Content-Type',
    'application/json',
    'Content-Length',
    String(body.length),
    'Location',
    requestPath(known.id),
    'Retry-After',
    String(retryAfterSeconds),
    'Cache-Control',
    'no-store',
    ...own,
  ]);
  response.end(body);
}
