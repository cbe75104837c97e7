import type { Logger } from '#shared/process/logger.ts';
import { DeadLetters } from '#shared/store/records/dead-letters.ts';
import { IdempotencyClaims } from '#shared/store/records/idempotency-claims.ts';
import type { JobQueues } from '#shared/store/queue/job-queues.ts';
import { KeptReplies } from '#shared/store/records/kept-replies.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { CallbackSearch } from '#shared/store/records/callback-search.ts';
import { RequestEnds } from '#shared/store/records/request-ends.ts';
import { RequestHistory } from '#shared/store/records/request-history.ts';
import { RequestRecords } from '#shared/store/records/request-records.ts';
import { RequestSearch } from '#shared/store/records/request-search.ts';
import type { RingStore } from '#shared/store/ring/ring-store.ts';
import type { Telemetry } from '#shared/trace/telemetry.ts';
import { LiveRequests } from './api/live-requests.ts';
import type { Callbacks } from './callbacks/callbacks.ts';
import type { Callers } from './caller/callers.ts';
import type { Capacity } from './dispatch/capacity.ts';
import type { Dispatcher } from './dispatch/dispatcher.ts';
import type { ReplyInbox } from './dispatch/reply-inbox.ts';
import type { Loads } from './load/loads.ts';
import type { Placement } from './load/placement.ts';
import type { Departure } from './http/departure.ts';
import type { EndedRequests } from './http/ended-requests.ts';
import { keyFields } from './request/hash-key.ts';
import type { HeldBytes } from './request/held-bytes.ts';
import type { ForwardingRules } from './request/request-head.ts';
import { RequestParser } from './request/request-parser.ts';
import { Uploads } from './request/uploads.ts';
import type { Agreement } from './ring/agreement.ts';
import type { KeyRateLimit } from './limits/key-rate-limit.ts';
import type { RingWatcher } from './ring/ring-watcher.ts';
import type { OpenStreams } from './streams/open-streams.ts';
import type { StreamMemory } from './streams/stream-memory.ts';
import { UnsentAnswers } from './routes/unsent-answers.ts';
import type { GatewayConfig } from './settings/config.ts';

/** What a gateway has besides its HTTP side. */
export interface AppParts {
  readonly config: GatewayConfig;
  /** The name of this gateway. */
  readonly gateway: string;
  readonly store: RingStore;
  readonly watcher: RingWatcher;
  readonly agreement: Agreement;
  readonly dispatcher: Dispatcher;
  readonly keyRateLimit: KeyRateLimit;
  readonly capacity: Capacity;
  readonly loads: Loads;
  readonly placement: Placement;
  readonly queues: JobQueues;
  readonly callbacks: Callbacks;
  readonly callers: Callers;
  /** A fail-fast connection. */
  readonly connection: Connection;
  /** A patient connection for subscriptions, which others share. */
  readonly changes: Connection;
  readonly accessLog: { readonly droppedCount: number } | undefined;
  /** Undefined if no OpenTelemetry SDK is loaded. */
  readonly telemetry: Telemetry | undefined;
  readonly inbox: ReplyInbox;
  readonly held: HeldBytes;
  readonly streamMemory: StreamMemory;
  /** The live streams of this gateway. */
  readonly openStreams: OpenStreams;
  /** Tells those who are added of each dispatched request that has ended. */
  readonly endedRequests: EndedRequests;
  readonly departure: Pick<Departure, 'begun'>;
  /** Time in ms for which a client may send nothing of a body; the default is in `uploads.ts`. */
  readonly uploadIdleMs?: number;
  readonly log: Logger;
}

/** What routes read requests with, and where they find requests again. */
export interface RequestParts {
  readonly records: RequestRecords;
  readonly replies: KeptReplies;
  readonly claims: IdempotencyClaims;
  readonly ends: RequestEnds;
  readonly letters: DeadLetters;
  readonly uploads: Uploads;
  readonly unsent: UnsentAnswers;
  readonly search: RequestSearch;
  readonly callbackSearch: CallbackSearch;
  readonly history: RequestHistory;
  /** The latest requests that this gateway has answered, while somebody watches. */
  readonly live: LiveRequests;
  readonly parser: RequestParser;
  readonly forwarding: ForwardingRules;
}

export function createRequestParts(parts: AppParts): RequestParts {
  const { config, callers, connection, watcher, endedRequests, held, uploadIdleMs, log } = parts;
  const search = new RequestSearch(connection, () => watcher.names(), log);
  return {
    records: new RequestRecords(connection, log, (job) => callers.ofSent(job)),
    replies: new KeptReplies(connection, log),
    claims: new IdempotencyClaims(connection, config.idempotencyTtlMs, log),
    ends: new RequestEnds(connection, log),
    letters: new DeadLetters(connection, log),
    search,
    callbackSearch: new CallbackSearch(connection, () => search.replicas()),
    history: new RequestHistory(connection, log),
    live: new LiveRequests(endedRequests),
    uploads: new Uploads(held, uploadIdleMs),
    unsent: new UnsentAnswers({ held, sendTimeoutMs: config.sendTimeoutMs, log }),
    parser: new RequestParser({
      hashKey: config.hashKey,
      idempotencyScope: config.idempotencyScope,
      callerOf: (request) => callers.of(request),
    }),
    forwarding: {
      trusted: config.trustedProxies,
      keyFields: keyFields([...config.hashKey, ...config.callerKey]),
      xForwarded: config.forwarded === 'both',
    },
  };
}
