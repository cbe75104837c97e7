import fp from 'fastify-plugin';
import type { FastifyReply } from 'fastify';
import { finalStates } from '#shared/contract/request-record.ts';
import { retryAfterSeconds } from '#shared/contract/errors.ts';
import { operations } from '../openapi/operations.ts';
import type { KnownRequest } from '#shared/store/records/request-records.ts';
import { requestPath, viewOf } from '../records/request-view.ts';
import { AskedRequests, nobody, unknown, waitOf } from './asked-requests.ts';
import type { AskedCall, AskedRequestsOptions } from './asked-requests.ts';
import { noStore } from './no-store.ts';
import { redisAway } from './redis-away.ts';
import { streamEvents } from './request-events.ts';
import type { UnsentAnswers } from './unsent-answers.ts';

export interface RequestRouteOptions extends AskedRequestsOptions {
  readonly unsent: UnsentAnswers;
  /**
   * Cancels a request, if it can.
   * @returns the request as it is then.
   * @throws {Problem} `already_finished`.
   */
  readonly cancel: (request: KnownRequest) => Promise<KnownRequest>;
}

/**
 * `/-/requests/<id>`: shows the state of a request, and cancels it. This is for its caller and for admins;
 * some requests are for every client that knows the id. To any other client the request does not exist.
 */
export const requestRoutes = fp<RequestRouteOptions>(
  (app, options, done) => {
    const { watches, unsent, cancel } = options;
    const requests = new AskedRequests(options);

    app.get<AskedCall>(
      '/-/requests/:id',
      { onRequest: noStore, schema: operations.showRequest },
      async (request, reply) => {
        const { params, query, headers, raw } = request;
        if (headers.accept?.includes('text/event-stream')) {
          const mayKnow = requests.readerOf(request);
          const watch = watches.open(raw.socket);
          const lastId = headers['last-event-id']?.toString();
          const { id } = params;
          const there = await redisAway(() => streamEvents({ reply, watch, id, lastId, mayKnow, unsent }));
          return there ? reply : unknown(params.id);
        }
        const asked = await requests.wait(request, waitOf(query) ?? 0, false);
        asked?.watch?.end();
        return asked === undefined ? nobody(reply) : show(reply, asked.found);
      },
    );

    app.delete<AskedCall>(
      '/-/requests/:id',
      { onRequest: noStore, schema: operations.cancelRequest },
      async (request, reply) => {
        const found = await requests.find(request);
        return show(reply, await redisAway(() => cancel(found)));
      },
    );
    done();
  },
  { name: 'request-routes' },
);

function show(reply: FastifyReply, request: KnownRequest): FastifyReply {
  if (!finalStates.has(request.record.state)) reply.header('retry-after', retryAfterSeconds);
  return reply.header('content-location', requestPath(request.id)).send(viewOf(request));
}
