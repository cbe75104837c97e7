import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '#shared/process/logger.ts';
import type { Logger } from '#shared/process/logger.ts';
import { asEnvironment, withoutSettings } from '#shared/settings/given-settings.ts';
import type { GivenSettings } from '#shared/settings/given-settings.ts';
import type { Gateway } from '../gateway.ts';
import { waitForReplicas } from '../ready-line.ts';
import { loadGatewayConfig } from '../settings/config.ts';
import type { GatewayConfig } from '../settings/config.ts';
import { gatewaySettings } from '../settings/settings.ts';
import { System } from '../system.ts';

/** The settings of a gateway, by the names that docs/settings.md lists. Numbers may be numbers. */
export type GatewaySettings = GivenSettings<typeof gatewaySettings>;

export interface GatewayOptions {
  /**
   * Folder for the private Redis and its password, and for the cache of compiled code; `.ringpost` by
   * default.
   */
  readonly folder?: string | undefined;
}

/** What {@link createGateway} does not show. */
export interface HostOptions extends GatewayOptions {
  /** Folder for the cache of compiled code; in `folder` by default. */
  readonly compileCache?: string | undefined;
  /** Called at the end of a stop, while the private Redis still runs. */
  readonly beforeRedisStops?: () => Promise<void>;
}

/** Which replicas took jobs when a gateway had started. */
export interface StartedReplicas {
  readonly ready: readonly string[];
  /** Those that were not ready within `START_TIMEOUT_MS`. The controller goes on to start them. */
  readonly missing: readonly string[];
}

/** How a gateway has ended. */
export interface GatewayEnd {
  /** `stopped`: by `stop()`. `redis_ended`: its private Redis ended. `failed`: it could not start. */
  readonly reason: 'stopped' | 'redis_ended' | 'failed';
  /** The reason in words. */
  readonly message: string;
}

/** A gateway in this process, with its controller, its workers and its private Redis, as configured. */
export interface RingpostGateway {
  /** Where it listens, e.g. `http://127.0.0.1:5000`. @throws {Error} before it does. */
  readonly url: string;
  /** Where its admin side is. @throws {Error} before it listens. */
  readonly adminUrl: string;
  /** Resolves when nothing of it runs any more, for whatever reason. It never rejects. */
  readonly ended: Promise<GatewayEnd>;
  /**
   * Starts it. A further call returns the same promise.
   * @returns when it listens, and all replicas take jobs or `START_TIMEOUT_MS` is over.
   * @throws what keeps it from listening. All that was started is stopped then.
   */
  start(): Promise<StartedReplicas>;
  /** Takes no more requests, finishes those in flight and stops everything. Safe to call again. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Makes what `ringpost start` runs. It handles no signals, and never ends this process.
 * @param settings by the names of the environment variables. The environment's own ringpost settings do not
 * count.
 * @throws {SettingsError} that lists all faults, misspelt names included.
 */
export function createGateway(settings: GatewaySettings = {}, options: GatewayOptions = {}): RingpostGateway {
  return new HostedGateway(settings, options);
}

/** {@link createGateway} returns it. The system for tests also uses what its interface does not show. */
export class HostedGateway implements RingpostGateway {
  readonly #config: GatewayConfig;
  readonly #log: Logger;
  readonly #system: System;
  readonly #ending = new AbortController();
  readonly #ended = Promise.withResolvers<GatewayEnd>();
  #opening: Promise<string> | undefined;
  #starting: Promise<StartedReplicas> | undefined;
  #end: Promise<void> | undefined;

  constructor(settings: GatewaySettings, { folder, compileCache, beforeRedisStops }: HostOptions) {
    const given = asEnvironment(gatewaySettings, settings);
    const sources = new Map(Object.keys(given).map((name) => [name, 'program'] as const));
    this.#config = loadGatewayConfig(given, sources);
    const { role, logLevel, logFormat } = this.#config;
    const name = `${hostname().slice(0, 32)}-${randomBytes(4).toString('hex')}`;
    this.#log = createLogger(role, logLevel, { name }, logFormat);
    const cache = compileCache ?? (folder === undefined ? undefined : join(folder, 'compile-cache'));
    this.#system = new System({
      config: this.#config,
      env: {
        ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: cache }),
        ...withoutSettings(process.env, gatewaySettings),
        ...given,
      },
      name,
      log: this.#log,
      say: (line) => void process.stderr.write(`ringpost: ${line}\n`),
      stateFolder: folder,
      beforeRedisStops,
      onRedisEnd: (message) => void this.#leave({ reason: 'redis_ended', message }),
    });
  }

  get url(): string {
    return this.#gateway.app.listeningOrigin;
  }

  get adminUrl(): string {
    return this.#gateway.adminUrl;
  }

  get ended(): Promise<GatewayEnd> {
    return this.#ended.promise;
  }

  /** Redis as workers open it. @throws {Error} before it is known. */
  get workerRedisUrl(): string {
    const { workerRedisUrl } = this.#system;
    if (workerRedisUrl === undefined) throw new Error('the gateway has not started yet');
    return workerRedisUrl;
  }

  /** The names of the desired replicas. */
  get names(): readonly string[] {
    return this.#gateway.watcher.state.desired.map(({ name }) => name);
  }

  start(): Promise<StartedReplicas> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** The first part of a start. @returns the URL of Redis, once it listens. */
  listen(): Promise<string> {
    if (this.#end !== undefined && this.#opening === undefined)
      return Promise.reject(new Error('a gateway that was stopped cannot be started again'));
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async stop(): Promise<void> {
    await this.#leave({ reason: 'stopped', message: 'the gateway was stopped' });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  get #gateway(): Gateway {
    const { gateway } = this.#system;
    if (gateway === undefined) throw new Error('no gateway listens: it was not started, or ROLE=controller');
    return gateway;
  }

  async #open(): Promise<string> {
    try {
      const redisUrl = await this.#system.start(this.#ending.signal);
      if (redisUrl !== undefined && !this.#ending.signal.aborted) return redisUrl;
    } catch (error) {
      if (!this.#ending.signal.aborted) {
        const message = error instanceof Error ? error.message : String(error);
        this.#ending.abort();
        this.#end ??= this.#stopSystem().then(() => this.#ended.resolve({ reason: 'failed', message }));
        await this.#end;
        throw error;
      }
    }
    throw new Error('the gateway was stopped while it started');
  }

  async #start(): Promise<StartedReplicas> {
    const redisUrl = await this.listen();
    const { gateway, hasPrivateRedis: isPrivateRedis } = this.#system;
    // Only a process that has both roles knows when to expect the replicas.
    if (gateway === undefined || this.#config.role !== 'all') return { ready: [], missing: [] };
    const { signal } = this.#ending;
    const parts = { config: this.#config, gateway, redisUrl, isPrivateRedis, log: this.#log, signal };
    const { ready } = await waitForReplicas(parts);
    return { ready, missing: this.names.filter((name) => !ready.includes(name)) };
  }

  /** Ends once, for the first reason. Never rejects. */
  #leave(end: GatewayEnd): Promise<void> {
    this.#end ??= this.#leaveNow().then(() => this.#ended.resolve(end));
    return this.#end;
  }

  async #leaveNow(): Promise<void> {
    this.#ending.abort();
    // A part whose start is in progress is known, and can be stopped, only when it has started.
    await this.#opening?.catch(() => undefined);
    await this.#stopSystem();
  }

  async #stopSystem(): Promise<void> {
    await this.#system.stop().catch((error: unknown) => {
      this.#log.error({ err: error }, 'the gateway could not stop in order');
    });
  }
}
