import { resolve } from 'node:path';
import type { Logger } from '#shared/process/logger.ts';
import { optionalPackage } from '#shared/process/optional-package.ts';
import { redisUrlOf } from '#shared/process/redis-url.ts';
import { SettingsError } from '#shared/settings/load-settings.ts';
import { withoutSecrets } from '#shared/settings/secrets.ts';
import type { RingStore } from '#shared/store/ring/ring-store.ts';
import type { ContainerSettings } from '../drivers/container-spec.ts';
import { runsContainers } from '../drivers/driver-kind.ts';
import type { Driver } from '../drivers/driver.ts';
import type { HandlerVersions } from '../drivers/handler-versions.ts';
import { createNoDriver } from '../drivers/none.ts';
import { ProcessDriver } from '../drivers/process.ts';
import { isLoopback } from '../edge/loopback.ts';
import { redisUrlFile } from '../swarm/service-spec.ts';
import type { GatewayConfig } from '../settings/config.ts';

/**
 * Whether workers outlive their controller. A controller in a process of its own is one of several, and
 * leaves its containers to the others; with `npm start` everything ends with the process.
 */
export function workersOutlive({ replicaDriver, role }: GatewayConfig): boolean {
  return runsContainers(replicaDriver) && role === 'controller';
}

/**
 * @returns the time in ms that a worker has to finish what it holds if it is replaced. A handler that is
 * replaced often may not fail the requests that are within their time.
 */
export function retireMs(
  { drainTimeoutMs, replyTimeoutMs }: GatewayConfig,
  handler: HandlerVersions | undefined,
): number {
  return handler === undefined ? drainTimeoutMs : Math.max(drainTimeoutMs, replyTimeoutMs + 1000);
}

export interface DriverParts {
  /** Redis as workers open it. */
  readonly redisUrl: string;
  /** The environment that process workers inherit. */
  readonly env: NodeJS.ProcessEnv;
  readonly store: RingStore;
  /** Called if what runs has changed. */
  readonly onChange: () => void;
  /** The handler of process workers, if it may be replaced while they run. */
  readonly handler?: HandlerVersions | undefined;
  readonly log: Logger;
}

/** Makes the driver that the settings name. */
export async function createDriver(config: GatewayConfig, parts: DriverParts): Promise<Driver> {
  const { redisUrl, env, store, onChange, handler, log } = parts;
  switch (config.replicaDriver) {
    case 'process':
      return new ProcessDriver({
        redisUrl,
        handler,
        logFormat: config.logFormat,
        env: {
          // A worker runs user code, which must not see the gateway's own secrets.
          ...withoutSecrets(env),
          REDACT_EXCEPT: config.redactExcept,
          ...(handler === undefined ? {} : { DRAIN_TIMEOUT_MS: String(retireMs(config, handler)) }),
          ...(config.handlerPath === undefined ? {} : { HANDLER: resolve(config.handlerPath) }),
        },
      });
    case 'docker': {
      const { DockerDriver } = await needsEngine('docker', () => import('../drivers/docker.ts'));
      return new DockerDriver({
        settings: containerSettings(config, redisUrl, '/dev/stdin'),
        configKey: () => store.configKey(),
        keepOnClose: workersOutlive(config),
        log,
        onChange,
      });
    }
    case 'swarm': {
      const { SwarmDriver } = await needsEngine('swarm', () => import('../swarm/swarm-driver.ts'));
      const { constraints, spread } = config.containers;
      return new SwarmDriver({
        settings: containerSettings(config, redisUrl, redisUrlFile),
        constraints,
        spread,
        startTimeoutMs: config.startTimeoutMs,
        configKey: () => store.configKey(),
        keepOnClose: workersOutlive(config),
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

/** Loads a driver that needs the engine's client. That is large, and most systems do not use it. */
async function needsEngine<T extends object>(driver: string, load: () => Promise<T>): Promise<T> {
  const loaded = await optionalPackage('dockerode', load);
  if (loaded !== undefined) return loaded;
  const needs = `REPLICA_DRIVER is "${driver}", which needs the package dockerode: npm install dockerode`;
  throw new SettingsError([needs]);
}

/**
 * @param urlFile where workers find the URL of Redis.
 * @returns what the containers of replicas are made from. They get all settings that workers read.
 */
export function containerSettings(
  config: GatewayConfig,
  redisUrl: string,
  urlFile: string,
): ContainerSettings {
  const { containers, drainTimeoutMs } = config;
  const settings: Record<string, string | number | undefined> = {
    REDIS_URL_FILE: urlFile,
    NAMESPACE: config.namespace,
    HANDLER: config.handlerPath,
    UPSTREAM: config.upstream,
    COMMAND: config.command,
    COMMAND_READY: config.commandReady,
    START_TIMEOUT_MS: config.startTimeoutMs,
    UPSTREAMS: config.upstreams.length === 0 ? undefined : config.upstreams.join(','),
    UPSTREAM_HOST: config.upstreamHost,
    FORWARDED: config.forwarded,
    CONCURRENCY: config.concurrency,
    ...containers.streams,
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
    LOG_FORMAT: config.logFormat,
  };
  const network = containers.network ?? (isOnThisMachine(redisUrl) ? 'host' : 'bridge');
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

/** Containers reach a Redis on loopback only in the network of the machine. */
function isOnThisMachine(url: string): boolean {
  const { place } = redisUrlOf(url);
  return place.kind !== 'unix' && place.addresses.some(({ host }) => isLoopback(host));
}
