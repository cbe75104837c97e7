import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeCaller } from '#shared/contract/caller.ts';
import type { HttpRequest } from '#shared/contract/http.ts';
import { headOf } from '#shared/contract/reply.ts';
import type { Reply } from '#shared/contract/reply.ts';
import { finalStates } from '#shared/contract/request-record.ts';
import { Problem, retryAfterSeconds } from '#shared/errors.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { Callbacks } from '../callbacks/callbacks.ts';
import type { Callers } from '../caller/callers.ts';
import { delayFault } from '../dispatch/directives.ts';
import type { Capacity } from '../dispatch/capacity.ts';
import type { HeldBytes } from '../dispatch/held-bytes.ts';
import type { Place } from '../dispatch/queue-count.ts';
import type { Directives } from '../dispatch/directives.ts';
import { appliedPreference } from '../dispatch/prefer.ts';
import type { Preference } from '../dispatch/prefer.ts';
import type { Claims, IdempotentRequest } from '../requests/idempotency.ts';
import type { KnownRequest, RequestStore } from '../requests/request-store.ts';
import { requestPath, viewOf } from '../requests/request-view.ts';
import { untilFinal } from '../requests/until-final.ts';
import type { Watch, Watches } from '../requests/watches.ts';
import { writeProblem } from './problem-response.ts';
import { writeReply } from './reply-response.ts';
import type { UnsentAnswers } from './unsent-answers.ts';

export interface HandOverOptions {
  readonly dispatcher: Dispatcher;
  readonly capacity: Capacity;
  readonly store: RequestStore;
  readonly watches: Watches;
  readonly claims: Claims;
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

/** A request that its gateway has claimed a key for, and did not hand over in this time, in ms, never will be. */
const claimGraceMs = 2000;

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
  const { store, watches, held, unsent, replyTimeoutMs } = options;
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
  if (finalStates.has(found.record.state)) place?.free();
  if (finalStates.has(found.record.state) && !cameToNothing(found)) {
    let answered = false;
    const answer = (kept: Reply | undefined): void => {
      if (kept?.body === undefined) return;
      writeReply(response, request.method, { ...headOf(kept), body: kept.body }, own, unsent);
      answered = true;
    };
    await store.handReply(found, held, () => !socket.destroyed, answer).catch(() => undefined);
    if (answered || socket.destroyed) return;
  }
  if (respondAsync && !cameToNothing(found)) writeAccepted(response, found, own);
  else writeProblem(response, noAnswer(found), own);
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
  const accepted = Date.now();
  const deadline = deadlineOf(accepted, directives, respondAsync ? asyncTimeoutMs : replyTimeoutMs);
  const tooLate = delayFault(directives, deadline);
  if (tooLate !== undefined) throw tooLate;
  if (directives.callbacks !== undefined) await callbacks.check(directives.callbacks);
  if (idempotent !== undefined) {
    const first = await firstOf(options, idempotent, id, socket);
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
  try {
    return await capacity.hold(replica, request.body.length, async (place) => {
      const refusal = await dispatcher.handOver(request, selected, terms);
      if (refusal !== undefined) throw refusal;
      place.arrive();
      const { method } = request;
      const record = { state: 'queued', change: 1, method, target, accepted, deadline, attempts: 0 } as const;
      return { known: { id, replica, gateway: '', record }, place };
    });
  } catch (error) {
    // It was not begun: who repeats it need not wait for it.
    if (idempotent !== undefined && error instanceof Problem && error.code === 'over_capacity') {
      await claims.release(idempotent, id).catch(() => undefined);
    }
    throw error;
  }
}

/**
 * @returns the request that had the key first; undefined where this one has it now.
 * @throws {Problem} `idempotency_key_in_use` where that was another caller's, of which nothing is told;
 * `idempotency_key_reused` where it was another request; `redis_away`.
 */
async function firstOf(
  { store, claims }: HandOverOptions,
  idempotent: IdempotentRequest,
  id: string,
  socket: Socket,
): Promise<KnownRequest | undefined> {
  try {
    let claim = await claims.claim(idempotent, id);
    const until = performance.now() + claimGraceMs;
    while (claim.id !== id) {
      if (claim.caller !== idempotent.caller.digest) {
        const detail = 'Another caller has used the Idempotency-Key. Use a new key.';
        throw new Problem('idempotency_key_in_use', detail);
      }
      if (claim.fingerprint !== idempotent.fingerprint) {
        throw new Problem(
          'idempotency_key_reused',
          'The Idempotency-Key was used for another request before.',
        );
      }
      const first = await store.find(claim.id);
      const nothing = first === undefined ? performance.now() > until : cameToNothing(first);
      if (!nothing && first !== undefined) return first;
      if (nothing) claim = await claims.claim(idempotent, id, claim);
      else await delay(50);
      if (socket.destroyed) throw new Problem('request_timeout', 'The client has gone.');
    }
    return undefined;
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem('redis_away', 'Redis does not answer.', { cause: error });
  }
}

/** It has no answer that could be given again. */
function cameToNothing({ record }: KnownRequest): boolean {
  return record.state === 'expired' || record.state === 'cancelled';
}

function noAnswer({ id, record }: KnownRequest): Problem {
  if (record.state === 'cancelled') return new Problem('cancelled', 'The request was cancelled.');
  const detail = `The request was ${record.state} when the time to wait for its answer was over.`;
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
