import fp from 'fastify-plugin';
import type { FastifyRequest } from 'fastify';
import type { OverviewView, SamplesView } from '#shared/contract/api/overview.ts';
import type { ApiReplicaAnswer, ApiReplicasView } from '#shared/contract/api/replicas.ts';
import type { ApiKeyView, GatewaysView, HotKeysView, SettingsView } from '#shared/contract/api/system.ts';
import { Problem } from '#shared/contract/errors.ts';
import type { Logger } from '#shared/process/logger.ts';
import { isDoneWithin } from '#shared/process/within.ts';
import { keyDigest } from '#shared/ring/key-digest.ts';
import { shownKey } from '#shared/ring/key-text.ts';
import { Lines } from '#shared/store/queue/line.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { GatewayRegistry } from '#shared/store/ring/gateway-registry.ts';
import type { RingStore } from '#shared/store/ring/ring-store.ts';
import { apiOperations } from '../openapi/api-operations.ts';
import type { Placement } from '../load/placement.ts';
import { limitLineOf, lineOf } from '../request/directives.ts';
import { queryValues } from '../request/query.ts';
import type { Agreement } from '../ring/agreement.ts';
import type { RingWatcher } from '../ring/ring-watcher.ts';
import { noStore } from '../routes/no-store.ts';
import { redisAway } from '../routes/redis-away.ts';
import type { GatewayConfig } from '../settings/config.ts';
import { eventText, topics } from './event-streams.ts';
import type { EventStreams, Topic } from './event-streams.ts';
import { KeyCounter, mayBeCredentials } from './key-counter.ts';
import type { EndedRequestHub } from '../http/ended-request.ts';
import { forViewer } from './live-source.ts';
import type { LiveSource } from './live-source.ts';
import { OverviewFeed } from './overview-feed.ts';
import { gatewayViews, overviewView } from './overview-view.ts';
import { replicasView } from './replica-views.ts';
import { Sampler, sampleEveryMs } from './sampler.ts';
import { Snapshots } from './snapshots.ts';
import type { Snapshot, SnapshotsOptions } from './snapshots.ts';

/** Time in ms in which a snapshot has to be read. */
const readTimeoutMs = 5000;

export interface ApiRouteOptions {
  readonly config: Pick<
    GatewayConfig,
    'namespace' | 'startTimeoutMs' | 'settings' | 'hashKey' | 'redactHeaders' | 'concurrency' | 'loadBound'
  >;
  /** The name of this gateway. */
  readonly gateway: string;
  readonly connection: Connection;
  readonly store: RingStore;
  readonly watcher: RingWatcher;
  readonly placement: Pick<Placement, 'explain'>;
  readonly agreement: Pick<Agreement, 'refusal'>;
  readonly access: { onlyViews(request: FastifyRequest): boolean };
  readonly callbackSearch: SnapshotsOptions['callbackSearch'];
  readonly endedRequests: EndedRequestHub;
  readonly streams: EventStreams;
  readonly live: LiveSource;
  readonly log: Logger;
}

/** What `/-/api/` shows of the system: a snapshot of it, samples, keys, settings, and a stream of events. */
export const apiRoutes = fp<ApiRouteOptions>(
  (app, options, done) => {
    const { config, connection, watcher, placement, access, streams, log } = options;
    const reports = new GatewayRegistry(connection, log);
    const sampler = new Sampler({ reports, now: () => clockOf(connection).now(), log });
    const snapshots = new Snapshots({ ...options, sampler });
    const keys = new KeyCounter(
      options.endedRequests,
      mayBeCredentials(config.hashKey, config.redactHeaders),
    );
    const lines = new Lines(connection, log, 'server');
    const read = (): Promise<Snapshot> => redisAway(() => withinTime(snapshots.read()));
    const overview = (snapshot: Snapshot, onlyViews: boolean): OverviewView => {
      const { gateway, agreement } = options;
      const { namespace, startTimeoutMs } = config;
      const refusal = agreement.refusal?.message;
      return overviewView(snapshot, { gateway, namespace, startTimeoutMs, refusal }, onlyViews);
    };
    const stop = streamEvents(options, sampler, async () => {
      const snapshot = await snapshots.read();
      return (onlyViews) => overview(snapshot, onlyViews);
    });
    app.addHook('onReady', () => sampler.start());
    app.addHook('onClose', async () => {
      stop();
      keys.stop();
      await sampler.stop();
    });

    const onRequest = noStore;
    app.get('/-/api/overview', { onRequest, schema: apiOperations.overview }, async (request) =>
      overview(await read(), access.onlyViews(request)),
    );
    app.get(
      '/-/api/replicas',
      { onRequest, schema: apiOperations.replicas },
      async (request): Promise<ApiReplicasView> => replicasView(await read(), access.onlyViews(request)),
    );
    app.get<{ Params: { name: string } }>(
      '/-/api/replicas/:name',
      { onRequest, schema: apiOperations.replica },
      async (request): Promise<ApiReplicaAnswer> => {
        const { name } = request.params;
        const { replicas, retired } = replicasView(await read(), access.onlyViews(request));
        const found = [...replicas, ...retired].find((replica) => replica.name === name);
        if (found !== undefined) return found;
        throw new Problem('not_found', `There is no replica ${JSON.stringify(name)}; /rep lists them.`);
      },
    );
    app.get('/-/api/samples', { onRequest, schema: apiOperations.samples }, (): SamplesView => ({
      everyMs: sampleEveryMs,
      samples: sampler.samples,
    }));
    app.get(
      '/-/api/gateways',
      { onRequest, schema: apiOperations.gateways },
      async (): Promise<GatewaysView> => ({ gateways: gatewayViews(await read()) }),
    );
    app.get('/-/api/settings', { onRequest, schema: apiOperations.settings }, (): SettingsView => ({
      settings: config.settings,
    }));
    app.get('/-/api/hot-keys', { onRequest, schema: apiOperations.hotKeys }, (request): HotKeysView =>
      keys.view(access.onlyViews(request)),
    );
    app.get('/-/api/key', { onRequest, schema: apiOperations.key }, async (request): Promise<ApiKeyView> => {
      const [key] = queryValues(request.originalUrl, 'key', 1);
      if (key === undefined)
        throw new Problem('request_malformed', 'Name the key, e.g. /-/api/key?key=tenant-7.');
      const [loads, line, requests] = await redisAway(() =>
        Promise.all([placement.explain(key), lines.length(lineOf(key)), lines.counts(limitLineOf(key))]),
      );
      const explanation = watcher.ring.explain(key);
      return {
        key: shownKey(key),
        digest: keyDigest(key),
        position: explanation?.position ?? null,
        owner: explanation?.owner ?? null,
        virtualNode: explanation?.virtualNode ?? null,
        successors: explanation?.successors ?? [],
        loads: loads ?? null,
        line: line === 0 ? null : line,
        requests: requests.running + requests.waiting === 0 ? null : requests,
        hot: keys.of(key, access.onlyViews(request)),
      };
    });
    app.get('/-/api/events', { schema: apiOperations.events, exposeHeadRoute: false }, (request, reply) => {
      streams.open(reply, topicsIn(request.originalUrl), access.onlyViews(request));
    });
    done();
  },
  { name: 'api-routes' },
);

/** @throws {Problem} `redis_away` if that takes too long: a Redis may accept commands and never answer. */
async function withinTime(reading: Promise<Snapshot>): Promise<Snapshot> {
  if (await isDoneWithin(reading, readTimeoutMs)) return reading;
  throw new Problem('redis_away', 'Redis does not answer in time.');
}

/** Sends events while somebody watches. @returns a function that ends this. */
function streamEvents(
  { watcher, streams, live, log }: ApiRouteOptions,
  sampler: Sampler,
  read: () => Promise<(onlyViews: boolean) => OverviewView>,
): () => void {
  const feed = new OverviewFeed({
    read,
    onChange: (listener) => watcher.onChange(listener),
    tell: (textFor) => streams.send('overview', textFor),
    log,
  });
  const endSamples = sampler.onSample((sample) => {
    const text = eventText('sample', sample);
    streams.send('overview', () => text);
  });
  let endLive: (() => void) | undefined;
  streams.whenWatched((watched, begun) => {
    if (!watched.has('overview')) feed.stop();
    else if (begun) feed.start();
    if (!watched.has('live')) {
      endLive?.();
      endLive = undefined;
    } else
      endLive ??= live.watch((batch) =>
        streams.send('live', (onlyViews) => eventText('live', onlyViews ? forViewer(batch) : batch)),
      );
  });
  return () => {
    endSamples();
    endLive?.();
    feed.stop();
  };
}

/** @throws {Problem} `request_malformed` for a topic that there is not. */
function topicsIn(url: string): ReadonlySet<Topic> {
  const names = queryValues(url, 'topics').flatMap((text) => text.split(','));
  const asked = names.map((name) => name.trim()).filter((name) => name !== '');
  const found = asked.map((name) => topics.find((topic) => topic === name));
  const unknown = asked[found.indexOf(undefined)];
  if (unknown !== undefined)
    throw new Problem(
      'request_malformed',
      `There is no topic ${JSON.stringify(unknown)}; topics are ${topics.join(' and ')}.`,
    );
  // Without a name: the overview.
  return new Set(found.length === 0 ? ['overview'] : found.flatMap((topic) => topic ?? []));
}
