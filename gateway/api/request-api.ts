import fp from 'fastify-plugin';
import type { FastifyRequest } from 'fastify';
import type {
  CallbackPageView,
  LiveRequestsView,
  RequestPageView,
  RequestTimelineView,
} from '#shared/contract/api/requests.ts';
import { Problem } from '#shared/contract/errors.ts';
import { isReplicaName } from '#shared/contract/replica-name.ts';
import { replicaOf, uuidOf } from '#shared/contract/request-id.ts';
import { callbackStates } from '#shared/contract/request-record.ts';
import type { RequestView } from '#shared/contract/views.ts';
import type { CallbackSearch, FoundCallback } from '#shared/store/records/callback-search.ts';
import type { DeadLetters } from '#shared/store/records/dead-letters.ts';
import type { RequestHistory } from '#shared/store/records/request-history.ts';
import type { KnownRequest, RequestRecords } from '#shared/store/records/request-records.ts';
import type { RequestSearch } from '#shared/store/records/request-search.ts';
import { requestOperations } from '../openapi/request-operations.ts';
import { countLetters } from '../records/dead-letter-counts.ts';
import { viewOf } from '../records/request-view.ts';
import { queryValues } from '../request/query.ts';
import { noStore } from '../routes/no-store.ts';
import { checkNames, limitOf, nextPagePath, oneOf } from '../routes/query-parameters.ts';
import type { Query } from '../routes/query-parameters.ts';
import { redisAway } from '../routes/redis-away.ts';
import type { LiveRequests } from './live-requests.ts';
import { forViewer } from './live-source.ts';
import { listedView, requestsPath } from './request-listing.ts';
import { cursorOf, momentOf, parseMoment, requestQueryOf } from './request-query.ts';
import { shownId } from './short-id.ts';
import { timelineOf } from './timeline.ts';

export interface RequestApiOptions {
  readonly records: RequestRecords;
  readonly search: RequestSearch;
  readonly callbackSearch: CallbackSearch;
  readonly history: RequestHistory;
  readonly letters: DeadLetters;
  readonly live: LiveRequests;
  /** Says who may only see metadata. */
  readonly access: { onlyViews(request: FastifyRequest): boolean };
  /**
   * Cancels a request, if it can.
   * @returns the request as it is then.
   * @throws {Problem} `already_finished`.
   */
  readonly cancel: (request: KnownRequest) => Promise<KnownRequest>;
}

interface Call {
  Params: { id: string };
  Querystring: Query;
}

const callbacksPath = '/-/api/callbacks';

/**
 * The part of `/-/api` about requests: a search, the timeline of one, those that this gateway has answered
 * lately, and what became of dead letters and callbacks. All of it is metadata. A viewer gets the beginnings
 * of ids, because an id can open the answer. An admin may cancel a request, whoever its caller is.
 */
export const requestApi = fp<RequestApiOptions>(
  (app, { records, search, callbackSearch, history, letters, live, access, cancel }, done) => {
    const onRequest = noStore;
    app.addHook('onClose', () => live.stop());

    app.get<Call>(
      requestsPath,
      { onRequest, schema: requestOperations.searchRequests },
      async (request): Promise<RequestPageView> => {
        const { query, originalUrl } = request;
        const onlyViews = access.onlyViews(request);
        const asked = requestQueryOf(query, queryValues(originalUrl, 'key', 1)[0]);
        if (asked.id !== undefined) {
          const found = await redisAway(() => records.find(asked.id));
          return { requests: found === undefined ? [] : [listedView(found, onlyViews)], next: null };
        }
        const { requests, next } = await redisAway(() => search.page(asked.filter, asked.limit, asked.after));
        return {
          requests: requests.map((each) => listedView(each, onlyViews)),
          next: next === undefined ? null : nextPagePath(requestsPath, query, cursorOf(next, onlyViews)),
        };
      },
    );

    app.get<Call>(
      `${requestsPath}/:id`,
      { onRequest, schema: requestOperations.showTimeline },
      async (request): Promise<RequestTimelineView> => {
        const { id: given } = request.params;
        const id = await redisAway(() => completeId(history, given));
        const replica = id === undefined ? undefined : replicaOf(id);
        const seen = live.find(id ?? given);
        const known =
          id === undefined || replica === undefined
            ? undefined
            : await redisAway(() => history.read(id, replica));
        if (known?.known === undefined && seen === undefined) return unknown(given);
        const onlyViews = access.onlyViews(request);
        const record = known?.known?.record;
        const shown = shownId(id ?? given, onlyViews);
        const sources = {
          replica: replica ?? seen?.replica ?? undefined,
          record,
          events: known?.events ?? [],
          live: seen,
        };
        return {
          id: shown,
          request: known?.known !== undefined && known.isRecorded ? listedView(known.known, onlyViews) : null,
          live: seen === undefined ? null : { ...seen, id: shownId(seen.id, onlyViews) },
          events: timelineOf(sources, onlyViews),
          deadLetter: known?.isDeadLetter === true ? shown : null,
        };
      },
    );

    app.delete<Call>(
      `${requestsPath}/:id`,
      { onRequest, schema: requestOperations.cancelAnyRequest },
      async ({ params: { id } }): Promise<RequestView> => {
        const found = (await redisAway(() => records.find(id))) ?? unknown(id);
        return viewOf(await redisAway(() => cancel(found)));
      },
    );

    app.get<Call>(
      '/-/api/live',
      { onRequest, schema: requestOperations.listLive },
      (request): LiveRequestsView => {
        checkNames(request.query, []);
        const batch = { requests: live.latest(), left: 0 };
        return { requests: (access.onlyViews(request) ? forViewer(batch) : batch).requests };
      },
    );

    app.get<Call>(
      '/-/api/dead-letters',
      { onRequest, schema: requestOperations.countDeadLetters },
      ({ query }) => {
        checkNames(query, []);
        return redisAway(() => countLetters(letters));
      },
    );

    app.get<Call>(
      callbacksPath,
      { onRequest, schema: requestOperations.listCallbacks },
      async (request): Promise<CallbackPageView> => {
        const { query } = request;
        checkNames(query, ['state', 'limit', 'after']);
        const state = oneOf(query, 'state', callbackStates);
        const [limit, after] = [limitOf(query), momentOf(query['after'])];
        const [{ callbacks, next }, counts] = await redisAway(() =>
          Promise.all([callbackSearch.page(state, limit, after), callbackSearch.counts()]),
        );
        const onlyViews = access.onlyViews(request);
        return {
          callbacks: callbacks.map((each) => shownCallback(each, onlyViews)),
          counts,
          next: next === undefined ? null : nextPagePath(callbacksPath, query, cursorOf(next, onlyViews)),
        };
      },
    );
    done();
  },
  { name: 'request-api' },
);

/** @throws {Problem} `not_found`. */
function unknown(id: string): never {
  throw new Problem('not_found', `Nothing is known of a request ${id}, or no longer.`);
}

/**
 * @param given an id, or what `self` has for a viewer: a cursor and the replica.
 * @returns the id; undefined if there is no such request with a record.
 */
async function completeId(history: RequestHistory, given: string): Promise<string | undefined> {
  if (replicaOf(given) !== undefined) return given;
  const moment = parseMoment(uuidOf(given));
  const replica = given.slice(given.indexOf('.') + 1);
  return moment === undefined || !isReplicaName(replica) ? undefined : history.complete(replica, moment);
}

/** The path of a receiver may be a secret, as with the webhooks of chat services. */
function shownCallback(
  { request, receiver, nextAt, ...callback }: FoundCallback,
  onlyViews: boolean,
): CallbackPageView['callbacks'][number] {
  const shown = onlyViews && receiver !== undefined ? (URL.parse(receiver)?.origin ?? null) : receiver;
  return {
    ...callback,
    request: shownId(request, onlyViews),
    receiver: shown ?? null,
    nextAt: nextAt ?? null,
  };
}
