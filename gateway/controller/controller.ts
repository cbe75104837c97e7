import { resolve } from 'node:path';
import type { Logger } from '#shared/process/logger.ts';
import { keysOf, redisOf } from '#shared/store/redis/access.ts';
import { openConnection } from '#shared/store/redis/connection.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { warnOfSkew } from '#shared/store/redis/clock-warning.ts';
import { RingStore } from '#shared/store/ring-store.ts';
import { withoutSecrets } from '#shared/settings/secrets.ts';
import { isLoopback } from '../edge/loopback.ts';
import type { GatewayConfig } from '../settings/config.ts';
import type { Driver } from '../drivers/driver.ts';
import type { ContainerSettings } from '../drivers/container-spec.ts';
import { randomName } from '../ring/random-name.ts';
import { createNoDriver } from '../drivers/none.ts';
import { createProcessDriver } from '../drivers/process.ts';
import { Reconciler } from './reconciler.ts';

/** A running controller and the workers that its driver runs. */
export interface Controller {
  start(): Promise<void>;
  /** Gives the leadership up and ends the workers: each has `DRAIN_TIMEOUT_MS` to finish what it holds. */
  stop(): Promise<void>;
  /** @returns the ids of the requests that its workers run and that a stop waits for; none if Redis is away. */
  running(): Promise<readonly string[]>;
}

/**
 * Puts a controller together.
 * @param name this controller's own, unique among all that share the Redis.
 * @param env the environment that process workers inherit.
 */
export async function createController(
  config: GatewayConfig,
  redisUrl: string,
  name: string,
  env: NodeJS.ProcessEnv,
  log: Logger,
): Promise<Controller> {
  const { namespace } = config;
  const open = (use: string): Connection =>
    openConnection({ url: redisUrl, namespace, name: `controller:${name}:${use}`, use: 'patient' }, log);
  const connection = open('commands');
  const changes = open('changes');
  const [redis, keys, subscriber] = [redisOf(connection), keysOf(connection), redisOf(changes)];
  const clock = clockOf(redis);
  // A gateway in the same process says it.
  if (config.role === 'controller') warnOfSkew(clock, log);
  const store = new RingStore(redis, keys, log);
  const onChange = (): void => reconciler.wake();
  const driver = await createDriver(config, config.workerRedisUrl ?? redisUrl, env, store, onChange, log);
  const reconciler: Reconciler = new Reconciler({
    connection,
    redis,
    subscriber,
    keys,
    store,
    driver,
    log,
    controller: name,
    parameters: config.ring,
    replicas: config.replicas,
    maxReplicas: config.maxReplicas,
    newName: config.respawn === 'new' ? randomName : undefined,
    failoverMs: config.failoverMs,
    startTimeoutMs: config.startTimeoutMs,
    drainTimeoutMs: config.drainTimeoutMs,
    leaseMs: config.leaseMs,
  });
  return {
    start: async () => {
      await connection.whenReady();
      await clock.measure();
      await store.claimParameters(config.ring);
      await reconciler.start();
    },
    stop: async () => {
      // What waits for a Redis that is away would keep this from stopping.
      if (!connection.ready) connection.giveUp();
      await reconciler.stop();
      connection.close();
      changes.close();
    },
    running: async () => {
      if (!connection.ready || outlives(config)) return [];
      const names = new Set(driver.list().map((instance) => instance.name));
      const active = await Promise.all(
        Array.from(names, (each) => redis.lrange(keys.unfinished(each).active, 0, -1)),
      );
      return active.flat();
    },
  };
}

/** A controller on its own is one of several, and its containers outlive it; with `npm start` everything ends with it. */
function outlives({ replicaDriver, role }: GatewayConfig): boolean {
  return replicaDriver === 'docker' && role === 'controller';
}

async function createDriver(
  config: GatewayConfig,
  workerRedisUrl: string,
  env: NodeJS.ProcessEnv,
  store: RingStore,
  onChange: () => void,
  log: Logger,
): Promise<Driver> {
  switch (config.replicaDriver) {
    case 'process': {
      return createProcessDriver({
        redisUrl: workerRedisUrl,
        env: {
          // A worker runs user code; it has no business with the gateway's own secrets.
          ...withoutSecrets(env),
          REDACT_EXCEPT: config.redactExcept,
          ...(config.handlerPath === undefined ? {} : { HANDLER: resolve(config.handlerPath) }),
        },
      });
    }
    case 'docker': {
      // The engine's client is large, and most have no use for it.
      const { DockerDriver } = await import('../drivers/docker.ts');
      return new DockerDriver({
        settings: containerSettings(config, workerRedisUrl),
        configKey: () => store.configKey(),
        keepOnClose: outlives(config),
        log,
        onChange,
      });
    }
    case 'none':
      return createNoDriver();
    default:
      return config.replicaDriver satisfies never;
  }
}

function containerSettings(config: GatewayConfig, redisUrl: string): ContainerSettings {
  const { containers, drainTimeoutMs } = config;
  const settings: Record<string, string | number | undefined> = {
    REDIS_URL_FILE: '/dev/stdin',
    NAMESPACE: config.namespace,
    HANDLER: config.handlerPath,
    UPSTREAM: config.upstream,
    UPSTREAM_HOST: config.upstreamHost,
    FORWARDED: config.forwarded,
    CONCURRENCY: config.concurrency,
    CONSUMER: config.consumer,
    DRAIN_TIMEOUT_MS: drainTimeoutMs,
    LEASE_MS: config.leaseMs,
    REPLY_TIMEOUT_MS: config.replyTimeoutMs,
    HANDLER_STALL_MS: config.handlerStallMs,
    REPLY_LIMIT_BYTES: config.replyLimitBytes,
    FAILED_TTL_S: config.failedTtlMs / 1000,
    REDACT_HEADERS: config.redactHeaders,
    REDACT_EXCEPT: config.redactExcept,
    DEAD_LETTER_BODIES: config.deadLetterBodies,
    LOG_LEVEL: config.logLevel,
  };
  const network = containers.network ?? (isLoopback(new URL(redisUrl).hostname) ? 'host' : 'bridge');
  return {
    namespace: config.namespace,
    image: containers.image,
    network,
    redisUrl,
    env: Object.entries(settings).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${value}`],
    ),
    mounts: containers.mounts,
    memoryBytes: containers.memoryMb * 1024 * 1024,
    cpus: containers.cpus,
    pids: containers.pids,
    // Budgets nest: drain < stop timeout.
    stopTimeoutS: Math.ceil(drainTimeoutMs / 1000) + 5,
  };
}
