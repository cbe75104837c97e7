import type { Socket } from 'node:net';
import type { Logger } from '#shared/process/logger.ts';
import type { HttpRequest } from '#shared/contract/http.ts';
import { CancellationChannel } from '#shared/store/queue/cancellation-channel.ts';
import { IdempotencyClaims } from '#shared/store/records/idempotency-claims.ts';
import { RequestEnds } from '#shared/store/records/request-ends.ts';
import { RequestRecords } from '#shared/store/records/request-records.ts';
import type { KnownRequest } from '#shared/store/records/request-records.ts';
import { KeptReplies } from '#shared/store/records/kept-replies.ts';
import { openConnection } from '#shared/store/redis/connection.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { ConnectionUse } from '#shared/store/redis/open-redis.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { GatewayNotices } from '#shared/store/ring/gateway-notices.ts';
import { RingStore } from '#shared/store/ring/ring-store.ts';
import { openTrace } from '#shared/store/trace/open-trace.ts';
import { accept } from '../../../gateway/async/accept.ts';
import { Cancellation } from '../../../gateway/async/cancellation.ts';
import { CallbackMacs } from '../../../gateway/callbacks/callback-macs.ts';
import { Callbacks } from '../../../gateway/callbacks/callbacks.ts';
import { SharedSecret } from '../../../gateway/caller/caller-secret.ts';
import { Callers } from '../../../gateway/caller/callers.ts';
import { createDispatch } from '../../../gateway/dispatch/dispatch.ts';
import type { DispatchClient } from '../../../gateway/dispatch/dispatch-client.ts';
import { HeldBytes } from '../../../gateway/request/held-bytes.ts';
import { isAsync } from '../../../gateway/request/parsed-request.ts';
import { RequestParser } from '../../../gateway/request/request-parser.ts';
import { Agreement, agreedSettings } from '../../../gateway/ring/agreement.ts';
import { RingWatcher } from '../../../gateway/ring/ring-watcher.ts';
import type { GatewayConfig } from '../../../gateway/settings/config.ts';
import { StreamMemory } from '../../../gateway/streams/stream-memory.ts';

/** A gateway without its HTTP side. */
export interface RunningGateway {
  /** The parts have started: requests are taken. */
  readonly ready: Promise<void>;
  /** Dispatches a request whose client waits. @returns its id. */
  dispatch(request: HttpRequest, client: DispatchClient): string;
  /** Accepts an async request. @returns the id of the request that has its idempotency key. */
  accept(request: HttpRequest): Promise<string>;
  /** The client of a dispatched request leaves. */
  leave(id: string): void;
  /** @returns the request as it is after the attempt to cancel it; undefined if nothing is known of it. */
  cancel(id: string): Promise<KnownRequest | undefined>;
  find(id: string): Promise<KnownRequest | undefined>;
  /** @returns the text of a kept answer. */
  answerOf(request: KnownRequest): Promise<string | undefined>;
  /** The replicas that own keys, as this gateway knows them. */
  ring(): readonly string[];
}

/** Composes and starts a gateway, as `createGateway` does. */
export function startGateway(config: GatewayConfig, name: string, log: Logger): RunningGateway {
  const { namespace } = config;
  const trace = openTrace(config.protocolTrace, 'gateway', name);
  const open = (what: string, use: ConnectionUse): Connection =>
    openConnection({ url: 'redis://sim', namespace, name: `gateway:${name}:${what}`, use, trace }, log);
  const connection = open('commands', 'failFast');
  const changes = open('changes', 'patient');
  const clock = clockOf(connection);
  const callerSecret = new SharedSecret(connection, log);
  const callers = new Callers(config.callerKey, callerSecret, config.trustedProxies);
  const store = new RingStore(connection, log);
  const notices = new GatewayNotices(changes);
  const watcher = new RingWatcher({
    store,
    notices,
    connection,
    parameters: config.ring,
    alsoConfirm: () => callerSecret.confirm(),
    log,
  });
  const agreement = new Agreement({ store, watcher, ours: agreedSettings(config), log });
  const held = new HeldBytes(config.bytesInFlight);
  const { redaction } = config;
  const macs = new CallbackMacs([], namespace);
  const callbacks = new Callbacks({ connection, targets: undefined, macs, redaction, log });
  const dispatch = createDispatch({
    config,
    gateway: name,
    connection,
    subscriber: changes,
    reader: open('inbox', 'patient'),
    watcher,
    notices,
    agreement,
    callbacks,
    callers,
    held,
    streamMemory: new StreamMemory(held),
    telemetry: undefined,
    log,
  });
  const { dispatcher, capacity, keyRateLimit, queues } = dispatch;
  const parser = new RequestParser({
    hashKey: config.hashKey,
    idempotencyScope: config.idempotencyScope,
    callerOf: (request) => callers.of(request),
  });
  const records = new RequestRecords(connection, log, (job) => callers.ofSent(job));
  const claims = new IdempotencyClaims(connection, config.idempotencyTtlMs, log);
  const ends = new RequestEnds(connection, log);
  const replies = new KeptReplies(connection, log);
  const keepMs = config.resultTtlMs;
  const cancellations = new CancellationChannel(connection);
  const cancellation = new Cancellation({ records, ends, cancellations, queues, callbacks, keepMs, log });
  const { asyncTimeoutMs, replyTimeoutMs } = config;
  const accepting = {
    dispatcher,
    capacity,
    records,
    claims,
    ends,
    queues,
    callbacks,
    keyRateLimit,
    asyncTimeoutMs,
    replyTimeoutMs,
    keepMs,
  };
  const parse = (request: HttpRequest): ReturnType<RequestParser['parse']> =>
    parser.parse(request, '127.0.0.1', dispatcher.now);
  const start = async (): Promise<void> => {
    await connection.whenReady();
    await clock.measure();
    await store.claimParameters(config.ring);
    await agreement.claim(config.allowSettingsChange);
    await callerSecret.confirm();
    await watcher.start();
    await dispatch.start();
  };
  return {
    ready: start(),
    dispatch: (request, client) => dispatcher.dispatch(parse(request), client),
    accept: async (request) => {
      const parsed = parse(request);
      if (!isAsync(parsed)) throw new Error('the request is not async');
      // Only this is asked of a client's socket.
      const socket = { destroyed: false } as Socket;
      const ignore = (): void => undefined;
      const { known } = await accept(accepting, parsed, { socket, onSelected: ignore, onCounted: ignore });
      return known.id;
    },
    leave: (id) => dispatcher.stopWaiting(id),
    cancel: async (id) => {
      const known = await records.find(id);
      return known && cancellation.cancel(known);
    },
    find: (id) => records.find(id),
    answerOf: async (request) => {
      const reply = await replies.readWhole(request);
      return reply && new TextDecoder().decode(reply.body);
    },
    ring: () => watcher.ring.members.map(({ name: member }) => member),
  };
}
