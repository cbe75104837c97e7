import { resolve } from 'node:path';
import { createKeys } from '#shared/keys.ts';
import type { Logger } from '#shared/logger.ts';
import { openRedis, whenReady } from '#shared/redis.ts';
import { RingStore } from '#shared/ring-store.ts';
import type { GatewayConfig } from '../config.ts';
import type { Driver } from '../drivers/driver.ts';
import { createNoDriver } from '../drivers/none.ts';
import { createProcessDriver } from '../drivers/process.ts';
import { Reconciler } from './reconciler.ts';

/** A running controller and the workers that its driver runs. */
export interface Controller {
  start(): Promise<void>;
  /** Gives the leadership up and ends the workers: each has `graceMs` to finish what it holds. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Puts a controller together.
 * @param name this controller's own, unique among all that share the Redis.
 * @param env the environment that process workers inherit.
 */
export function createController(
  config: GatewayConfig,
  redisUrl: string,
  name: string,
  env: NodeJS.ProcessEnv,
  log: Logger,
): Controller {
  const keys = createKeys(config.namespace);
  const connection = (use: string): string => `${config.namespace}:controller:${name}:${use}`;
  const redis = openRedis(redisUrl, connection('commands'), 'patient', log);
  const subscriber = openRedis(redisUrl, connection('changes'), 'patient', log);
  const store = new RingStore(redis, keys);
  const driver = createDriver(config, redisUrl, env);
  const reconciler = new Reconciler({
    redis,
    subscriber,
    keys,
    store,
    driver,
    log,
    controller: name,
    parameters: config.ring,
    replicas: config.replicas,
    failoverMs: config.failoverMs,
    startTimeoutMs: config.startTimeoutMs,
    leaseMs: config.leaseMs,
  });
  return {
    start: async () => {
      await whenReady(redis);
      await store.claimParameters(config.ring);
      await reconciler.start();
    },
    stop: async (graceMs) => {
      await reconciler.stop();
      await driver.close(graceMs);
      redis.disconnect();
      subscriber.disconnect();
    },
  };
}

function createDriver(config: GatewayConfig, redisUrl: string, env: NodeJS.ProcessEnv): Driver {
  switch (config.replicaDriver) {
    case 'process': {
      // A worker runs user code; it has no business with the gateway's own secrets.
      const { ADMIN_TOKEN: _, ...inherited } = env;
      return createProcessDriver({
        env: {
          ...inherited,
          REDIS_URL: redisUrl,
          ...(config.handlerPath === undefined ? {} : { HANDLER: resolve(config.handlerPath) }),
        },
      });
    }
    case 'none':
      return createNoDriver();
    default:
      return config.replicaDriver satisfies never;
  }
}
