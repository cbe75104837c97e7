import fp from 'fastify-plugin';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { finalStates } from '#shared/contract/request-record.ts';
import { Problem, retryAfterSeconds } from '#shared/errors.ts';
import { operations } from '../openapi/operations.ts';
import type { KnownRequest, RequestStore } from '../requests/request-store.ts';
import type { RequestChanges } from '../requests/request-changes.ts';
import { requestPath, viewOf } from '../requests/request-view.ts';
import { writeReply } from './reply-response.ts';
import { untilFinal } from '../requests/until-final.ts';
import { redisAway } from './redis-away.ts';
import { RequestEvents } from './request-events.ts';
import type { UnsentAnswers } from './unsent-answers.ts';

export interface RequestRouteOptions {
  readonly unsent: UnsentAnswers;
  readonly store: RequestStore;
  readonly changes: RequestChanges;
  /** @returns the request as it is after it was cancelled, or could not be any more. */
  readonly cancel: (request: KnownRequest) => Promise<KnownRequest | undefined>;
}

interface Asked {
  Params: { id: string };
  Querystring: { wait?: string };
}

/** Seconds that a long poll may last. */
const mostWaitS = 60;

/** `/-/requests/<id>`: what has become of a request, its answer, and an end to it. Whoever knows the id may ask. */
export const requestRoutes = fp<RequestRouteOptions>(
  (app, { store, changes, unsent, cancel }, done) => {
    const known = async (id: string): Promise<KnownRequest> => {
      const request = await redisAway(() => store.find(id));
      if (request !== undefined) return request;
      throw new Problem('not_found', `Nothing is known of a request ${id}, or not any more.`);
    };
    const events = new RequestEvents(store, changes);
    app.addHook('preClose', (next) => {
      events.end();
      next();
    });

    app.get<Asked>('/-/requests/:id', { schema: operations.showRequest }, async (request, reply) => {
      const waitMs = waitOf(request);
      let found = await known(request.params.id);
      if (request.headers.accept?.includes('text/event-stream')) {
        reply.hijack();
        await events.stream(reply.raw, found, Number(request.headers['last-event-id'] ?? -1));
        return reply;
      }
      if (waitMs > 0) found = await untilFinal(changes, found.id, () => known(found.id), waitMs);
      return show(reply, found);
    });

    app.get<Asked>('/-/requests/:id/reply', { schema: operations.showReply }, async (request, reply) => {
      let found = await known(request.params.id);
      const waitMs = waitOf(request);
      if (waitMs > 0) found = await untilFinal(changes, found.id, () => known(found.id), waitMs);
      const { id, replica, record } = found;
      if (!finalStates.has(record.state)) {
        reply.header('retry-after', retryAfterSeconds);
        throw new Problem('not_finished', `The request is ${record.state}; ask again, or with ?wait=20.`);
      }
      const kept = await redisAway(() => store.reply(found));
      if (kept?.body !== undefined) {
        const { status, headers, body } = kept;
        reply.hijack();
        const own = ['Ringpost-Replica', replica, 'Ringpost-Request', id];
        writeReply(reply.raw, record.method, { status, headers, body }, own, unsent);
        return reply;
      }
      if (record.state === 'cancelled') throw new Problem('cancelled', 'The request was cancelled.');
      if (record.state === 'expired')
        throw new Problem('reply_timeout', 'The request was not done by its deadline.');
      throw new Problem('answer_gone', 'The answer was kept for its time, and is gone.');
    });

    app.delete<Asked>('/-/requests/:id', { schema: operations.cancelRequest }, async (request, reply) => {
      const found = await known(request.params.id);
      if (finalStates.has(found.record.state)) {
        throw new Problem('already_finished', `The request is ${found.record.state} already.`);
      }
      const after = await redisAway(() => cancel(found));
      return show(reply, after ?? found);
    });
    done();
  },
  { name: 'request-routes' },
);

function show(reply: FastifyReply, request: KnownRequest): FastifyReply {
  if (!finalStates.has(request.record.state)) reply.header('retry-after', retryAfterSeconds);
  return reply.header('content-location', requestPath(request.id)).send(viewOf(request));
}

function waitOf({ query }: Pick<FastifyRequest<Asked>, 'query'>): number {
  const { wait } = query;
  if (wait === undefined) return 0;
  if (!/^\d{1,4}$/.test(wait)) {
    throw new Problem(
      'request_malformed',
      `wait is ${JSON.stringify(wait)}; it must be a number of seconds.`,
    );
  }
  return Math.min(Number(wait), mostWaitS) * 1000;
}
