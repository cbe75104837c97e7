import fp from 'fastify-plugin';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { headOf } from '#shared/contract/reply.ts';
import type { Reply } from '#shared/contract/reply.ts';
import { finalStates } from '#shared/contract/request-record.ts';
import { Problem, retryAfterSeconds } from '#shared/contract/errors.ts';
import type { Callers } from '../caller/callers.ts';
import type { ForwardingRules } from '../request/request-head.ts';
import { readerOf } from '../records/readers.ts';
import { operations } from '../openapi/operations.ts';
import type { KeptReplies } from '#shared/store/records/kept-replies.ts';
import { readAnswer } from '../records/kept-answer.ts';
import type { KnownRequest, RequestRecords } from '#shared/store/records/request-records.ts';
import { requestPath, viewOf } from '../records/request-view.ts';
import type { HeldBytes } from '../request/held-bytes.ts';
import { writeReply } from './reply-response.ts';
import { untilFinal } from '../records/until-final.ts';
import { neverStored, noStore } from './no-store.ts';
import { redisAway } from './redis-away.ts';
import type { Watches } from '../records/watches.ts';
import { streamEvents } from './request-events.ts';
import type { UnsentAnswers } from './unsent-answers.ts';

export interface RequestRouteOptions {
  readonly held: HeldBytes;
  readonly unsent: UnsentAnswers;
  readonly records: RequestRecords;
  readonly replies: KeptReplies;
  readonly watches: Watches;
  readonly callers: Callers;
  readonly forwarding: ForwardingRules;
  /** @returns whether a client presents an admin token. Admins may know of every request. */
  readonly isAdmin: (request: FastifyRequest) => boolean;
  /**
   * Cancels a request, if it can.
   * @returns the request as it is then.
   * @throws {Problem} `already_finished`.
   */
  readonly cancel: (request: KnownRequest) => Promise<KnownRequest>;
}

interface Call {
  Params: { id: string };
  Querystring: { wait?: string };
}

/** The longest long poll, in s. */
const maxWaitS = 60;

/**
 * `/-/requests/<id>`: shows the state of a request, returns its answer, cancels it. This is for its caller
 * and for admins; some requests are for every client that knows the id. To any other client the request does
 * not exist.
 */
export const requestRoutes = fp<RequestRouteOptions>(
  (app, { records, replies, watches, held, unsent, callers, forwarding, isAdmin, cancel }, done) => {
    const known = async (request: FastifyRequest<Call>): Promise<KnownRequest> => {
      const mayKnow = readerOf(callers, forwarding, isAdmin, request);
      const { id } = request.params;
      const found = await redisAway(() => records.find(id));
      return found !== undefined && mayKnow(found) ? found : unknown(id);
    };

    /** @returns the request, once it has ended or `wait` is over; undefined if the client has left. */
    const waited = async (request: FastifyRequest<Call>): Promise<KnownRequest | undefined> => {
      const waitMs = waitOf(request);
      const { id } = request.params;
      if (waitMs === 0) return known(request);
      const mayKnow = readerOf(callers, forwarding, isAdmin, request);
      const watch = watches.open(request.raw.socket);
      const found = await redisAway(() => untilFinal(watch, id, { waitMs, mayKnow, onStop: 'answer' }));
      return watch.gone ? undefined : (found ?? unknown(id));
    };

    app.get<Call>(
      '/-/requests/:id',
      { onRequest: noStore, schema: operations.showRequest },
      async (request, reply) => {
        const { params, headers, raw } = request;
        if (headers.accept?.includes('text/event-stream')) {
          const mayKnow = readerOf(callers, forwarding, isAdmin, request);
          const watch = watches.open(raw.socket);
          const lastId = headers['last-event-id']?.toString();
          const { id } = params;
          const there = await redisAway(() => streamEvents({ reply, watch, id, lastId, mayKnow, unsent }));
          return there ? reply : unknown(params.id);
        }
        const found = await waited(request);
        return found === undefined ? nobody(reply) : show(reply, found);
      },
    );

    app.get<Call>(
      '/-/requests/:id/reply',
      { onRequest: noStore, schema: operations.showReply },
      async (request, reply) => {
        const found = await waited(request);
        if (found === undefined) return nobody(reply);
        const { id, replica, record } = found;
        if (!finalStates.has(record.state)) {
          reply.header('retry-after', retryAfterSeconds);
          throw new Problem('not_finished', `The request is ${record.state}; ask again, or with ?wait=20.`);
        }
        const answer = (kept: Reply | undefined): void => {
          if (kept?.body === undefined) return;
          const { headers, body } = kept;
          reply.hijack();
          const own = ['Ringpost-Replica', replica, 'Ringpost-Request', id];
          // The handler's caching fields are for the URL of the request, not for this one.
          const answered = { ...headOf(kept), headers: neverStored(headers), body };
          writeReply(reply.raw, record.method, answered, own, unsent);
        };
        const { socket } = request.raw;
        await redisAway(() => readAnswer(replies, found, held, () => !socket.destroyed, answer));
        if (reply.sent || socket.destroyed) return reply.sent ? reply : nobody(reply);
        if (record.state === 'cancelled') throw new Problem('cancelled', 'The request was cancelled.');
        if (record.state === 'expired')
          throw new Problem('reply_timeout', 'The request was not done by its deadline.');
        throw new Problem('answer_gone', 'The answer was kept for its time, and is gone.');
      },
    );

    app.delete<Call>(
      '/-/requests/:id',
      { onRequest: noStore, schema: operations.cancelRequest },
      async (request, reply) => {
        const found = await known(request);
        return show(reply, await redisAway(() => cancel(found)));
      },
    );
    done();
  },
  { name: 'request-routes' },
);

/** @throws {Problem} `not_found`. */
function unknown(id: string): never {
  throw new Problem('not_found', `Nothing is known of a request ${id}, or no longer.`);
}

/** The client has left: there is nobody to answer. */
function nobody(reply: FastifyReply): FastifyReply {
  reply.hijack();
  return reply;
}

function show(reply: FastifyReply, request: KnownRequest): FastifyReply {
  if (!finalStates.has(request.record.state)) reply.header('retry-after', retryAfterSeconds);
  return reply.header('content-location', requestPath(request.id)).send(viewOf(request));
}

function waitOf({ query }: Pick<FastifyRequest<Call>, 'query'>): number {
  const { wait } = query;
  if (wait === undefined) return 0;
  if (!/^\d{1,4}$/.test(wait)) {
    throw new Problem(
      'request_malformed',
      `wait is ${JSON.stringify(wait)}; it must be a number of seconds.`,
    );
  }
  return Math.min(Number(wait), maxWaitS) * 1000;
}
