import type { Logger } from '#shared/process/logger.ts';
import { withoutSecrets } from '#shared/settings/secrets.ts';
import { checkRedis } from '#shared/store/redis/check-redis.ts';
import type { RedisRole } from '#shared/store/redis/redis-users.ts';
import { createController } from './controller/controller.ts';
import type { Controller } from './controller/controller.ts';
import type { HandlerVersions } from './drivers/handler-versions.ts';
import { createGateway } from './gateway.ts';
import type { Gateway } from './gateway.ts';
import { describePendingWork } from './http/pending-work.ts';
import { startOwnRedis, stateDirectory } from './redis/own-redis.ts';
import type { OwnRedis } from './redis/own-redis.ts';
import type { GatewayConfig } from './settings/config.ts';

export interface SystemOptions {
  readonly config: GatewayConfig;
  /** All variables. Processes that are started inherit them without the secrets. */
  readonly env: NodeJS.ProcessEnv;
  /** The name of the gateway and the controller of this process. */
  readonly name: string;
  /** The handler of process workers, if it may be replaced while they run. */
  readonly handler?: HandlerVersions | undefined;
  readonly log: Logger;
  readonly say: (line: string) => void;
  /** Where a private Redis is kept from one start to the next; by default below the working directory. */
  readonly stateFolder?: string | undefined;
  /** Called at the end of a stop, while the private Redis still runs. */
  readonly beforeRedisStops?: (() => Promise<void>) | undefined;
  /** Called with one sentence if the private Redis ends although nobody stopped it: nothing works then. */
  readonly onRedisEnd: (reason: string) => void;
}

/**
 * All that one process of the gateway's program runs: a private Redis, a gateway and a controller, as
 * configured.
 */
export class System {
  readonly #options: SystemOptions;
  #ownRedis: OwnRedis | undefined;
  #workerRedisUrl: string | undefined;
  #gateway: Gateway | undefined;
  #controller: Controller | undefined;
  /** What the workers of this process ran when it was last asked. */
  #background: readonly string[] = [];

  constructor(options: SystemOptions) {
    this.#options = options;
  }

  /** Undefined if this process has none, or has not started it yet. */
  get gateway(): Gateway | undefined {
    return this.#gateway;
  }

  /** Redis as workers open it; undefined before the start. */
  get workerRedisUrl(): string | undefined {
    return this.#workerRedisUrl;
  }

  get hasPrivateRedis(): boolean {
    return this.#ownRedis !== undefined;
  }

  /**
   * Starts all parts, in order.
   * @returns the URL of the Redis in use; undefined if `ending` came first, and not all was started.
   */
  async start(ending: AbortSignal): Promise<string | undefined> {
    const { config, env, name, handler, log } = this.#options;
    const { redisUrl, workerRedisUrl } = await this.#redisUrls();
    this.#workerRedisUrl = workerRedisUrl;
    if (ending.aborted) return undefined;
    const { role, namespace, leaseMs } = config;
    for (const warning of await checkRedis(redisUrl, rolesOf(role), namespace, leaseMs)) log.warn(warning);
    if (config.role !== 'controller') {
      this.#gateway = await createGateway(config, redisUrl, name, log);
      if (ending.aborted) return undefined;
      await this.#gateway.start();
    }
    if (ending.aborted) return undefined;
    if (config.role !== 'gateway') {
      const own = { ...config, workerRedisUrl };
      this.#controller = await createController(own, redisUrl, name, withoutSecrets(env), log, handler);
      await this.#controller.start();
    }
    return redisUrl;
  }

  /** Stops all parts that were started. */
  async stop(): Promise<void> {
    await this.#gateway?.stop();
    await this.#controller?.stop();
    await this.#options.beforeRedisStops?.();
    await this.#ownRedis?.stop();
  }

  /** @returns the ids of the requests that a stop waits for, as far as is known. */
  inFlight(): readonly string[] {
    return [...new Set([...(this.#gateway?.pending().requests ?? []), ...this.#background])];
  }

  /** @returns what a stop waits for, in words; undefined if nothing is known of. */
  async pending(): Promise<string | undefined> {
    const leaving = this.#gateway?.departure.waitsFor;
    if (leaving !== undefined) return leaving;
    this.#background = (await this.#controller?.running().catch(() => [])) ?? [];
    return describePendingWork(this.#gateway?.pending(), this.#background);
  }

  async #redisUrls(): Promise<{ redisUrl: string; workerRedisUrl: string }> {
    const { config, env, log, say, stateFolder = stateDirectory, onRedisEnd } = this.#options;
    const { redisUrl, workerRedisUrl = redisUrl, namespace, mayInstallRedis: mayInstall } = config;
    if (redisUrl !== undefined && workerRedisUrl !== undefined) return { redisUrl, workerRedisUrl };
    const own = await startOwnRedis({
      namespace,
      stateFolder,
      mayInstall,
      env: withoutSecrets(env),
      say,
      onEnd: (reason) => {
        log.fatal(reason);
        onRedisEnd(reason);
      },
    });
    this.#ownRedis = own;
    return { redisUrl: own.url, workerRedisUrl: own.workerUrl };
  }
}

function rolesOf(role: GatewayConfig['role']): readonly RedisRole[] {
  return role === 'all' ? ['gateway', 'controller'] : [role];
}
