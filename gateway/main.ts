import { given } from './settings/environment.ts';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { createLogger } from '#shared/process/logger.ts';
import type { Logger } from '#shared/process/logger.ts';
import { openConnection } from '#shared/store/redis/connection.ts';
import { checkRedis, RedisUnfitError } from '#shared/store/redis/open-redis.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { aclRules } from '#shared/store/redis/redis-users.ts';
import type { RedisRole, RedisUser } from '#shared/store/redis/redis-users.ts';
import { RingMismatchError } from '#shared/store/ring-store.ts';
import { safeError } from '#shared/process/safe-error.ts';
import { settingsTable, SettingsError } from '#shared/settings/load-settings.ts';
import { shownUrl } from '#shared/process/shown-url.ts';
import { onTermination } from '#shared/process/signals.ts';
import { describe, endOnUncaught } from '#shared/process/uncaught.ts';
import { disablePretenuring } from '#shared/v8/pretenuring.ts';
import { SettingsDifferError } from './ring/agreement.ts';
import { loadGatewayConfig } from './settings/config.ts';
import type { GatewayConfig } from './settings/config.ts';
import { createController } from './controller/controller.ts';
import type { Controller } from './controller/controller.ts';
import { createGateway } from './gateway.ts';
import type { Gateway } from './gateway.ts';
import { describeHeld } from './http/held.ts';
import { gatewaySettings } from './settings/settings.ts';
import { untilReady } from './ring/readiness.ts';
import { newUser } from './redis/new-user.ts';
import { startPrivateRedis } from './redis/private-redis.ts';
import type { PrivateRedis } from './redis/private-redis.ts';
import { findOrInstallRedis } from './redis/redis-binary.ts';

/** Where `npm start` keeps its private Redis and its password, below the working directory. */
const stateDirectory = '.ringpost';
const redisDirectory = `${stateDirectory}/redis`;

/** All that this process runs, in the order in which it was started. */
interface Running {
  privateRedis?: PrivateRedis;
  gateway?: Gateway;
  controller?: Controller;
}

async function main(config: GatewayConfig): Promise<void> {
  disablePretenuring();
  const name = `${hostname().slice(0, 32)}-${randomBytes(4).toString('hex')}`;
  const log = createLogger(config.role, config.logLevel, { name });
  const running: Running = {};
  const ending = new AbortController();
  const starting = startAll(running, config, name, log, ending.signal);
  /** What the workers of this process ran when it was last looked at. */
  let background: readonly string[] = [];
  onTermination({
    timeoutMs: config.drainTimeoutMs,
    inFlight: () => [...new Set([...(running.gateway?.held().requests ?? []), ...background])],
    waitingFor: async () => {
      background = (await running.controller?.running().catch(() => [])) ?? [];
      return describeHeld(running.gateway?.held(), background);
    },
    stop: async () => {
      ending.abort();
      // What has begun to start is only known, and can only be stopped, when it has started.
      await starting.catch(() => undefined);
      await stopAll(running);
    },
  });
  try {
    const redisUrl = await starting;
    const line =
      redisUrl === undefined ? undefined : await readyLine(config, running, redisUrl, log, ending.signal);
    if (line !== undefined && !ending.signal.aborted) process.stdout.write(`${line}\n`);
  } catch (error) {
    if (ending.signal.aborted) return;
    process.stderr.write(`ringpost: ${explain(error)}\n`);
    ending.abort();
    await stopAll(running);
    process.exit(1);
  }
}

/** @returns the Redis in use once all runs, or undefined where `ending` came first: then not all was started. */
async function startAll(
  running: Running,
  config: GatewayConfig,
  name: string,
  log: Logger,
  ending: AbortSignal,
): Promise<string | undefined> {
  // Each private Redis is told of it at its start.
  const workers = newUser('worker', aclRules(['worker'], config.namespace));
  const redisUrl = config.redisUrl ?? (await privateRedis(config, running, workers.user, log));
  const workerRedisUrl =
    config.redisUrl === undefined ? workers.urlOf(redisUrl) : (config.workerRedisUrl ?? redisUrl);
  if (ending.aborted) return undefined;
  await checkRedis(redisUrl, rolesOf(config.role), config.namespace);
  if (config.role !== 'controller') {
    running.gateway = await createGateway(config, redisUrl, name, log);
    if (ending.aborted) return undefined;
    await running.gateway.start();
  }
  if (ending.aborted) return undefined;
  if (config.role !== 'gateway') {
    running.controller = await createController(
      { ...config, workerRedisUrl },
      redisUrl,
      name,
      process.env,
      log,
    );
    await running.controller.start();
  }
  return redisUrl;
}

function rolesOf(role: GatewayConfig['role']): readonly RedisRole[] {
  return role === 'all' ? ['gateway', 'controller'] : [role];
}

async function privateRedis(
  config: GatewayConfig,
  running: Running,
  workers: RedisUser,
  log: Logger,
): Promise<string> {
  const say = (line: string): void => void process.stderr.write(`ringpost: ${line}\n`);
  const binary = await findOrInstallRedis({
    env: process.env,
    mayInstall: config.mayInstallRedis,
    log: say,
  });
  await mkdir(stateDirectory, { recursive: true });
  await chmod(stateDirectory, 0o700);
  const redis = await startPrivateRedis({ directory: redisDirectory, binary, users: [workers], log: say });
  running.privateRedis = redis;
  void redis.exited.then(({ code, signal }) => {
    if (running.privateRedis === undefined) return;
    log.fatal({ code, signal }, 'the private Redis ended');
    say(`the private Redis ended (${signal ?? `code ${code}`}); see ${redisDirectory}/redis.log`);
    process.exit(1);
  });
  return redis.url;
}

async function stopAll(running: Running): Promise<void> {
  const { privateRedis: redis, gateway, controller } = running;
  await gateway?.stop();
  await controller?.stop();
  delete running.privateRedis;
  await redis?.stop();
}

/** Waits for the replicas that shall be there, and says how it went in one line. */
async function readyLine(
  config: GatewayConfig,
  { gateway, privateRedis: own }: Running,
  redisUrl: string,
  log: Logger,
  signal: AbortSignal,
): Promise<string> {
  const redis = `Redis ${shownUrl(redisUrl) ?? 'at REDIS_URL'}`;
  if (gateway === undefined) return `ringpost controller ready (${redis})`;
  const { watcher, app, adminUrl } = gateway;
  const url = app.listeningOrigin;
  const admin = adminUrl === url ? '' : `admin ${adminUrl}; `;
  if (config.role === 'gateway') return `ringpost gateway ready on ${url} (${admin}${redis})`;
  const { namespace } = config;
  const connection = openConnection({ url: redisUrl, namespace, name: 'start', use: 'patient' }, log);
  const clock = clockOf(connection);
  await clock.measure().catch(() => undefined);
  const { ready, all } = await untilReady({
    watcher,
    connection,
    // Nobody else's workers are in a private Redis.
    since: own === undefined ? 0 : clock.began,
    timeoutMs: config.startTimeoutMs,
    signal,
  }).finally(() => connection.close());
  const names = ready.join(' ') || 'none';
  if (all) return `ringpost ready on ${url} (${admin}replicas ${names}; ${redis})`;
  return `ringpost listens on ${url}, but only these replicas are ready: ${names}; see ${adminUrl}/-/ring`;
}

/** @returns the sentence for faults that the user can mend; others are bugs and show their stack. */
function explain(error: unknown): string {
  if (
    error instanceof SettingsError ||
    error instanceof RedisUnfitError ||
    error instanceof RingMismatchError ||
    error instanceof SettingsDifferError
  ) {
    return error.message;
  }
  const { code, message } = safeError(error);
  if (code === 'EADDRINUSE') return `The port is taken: ${message}. Set PORT (or ADMIN_PORT) to a free one.`;
  return code === undefined ? describe(error) : message;
}

if (process.argv.includes('--help')) {
  process.stdout.write(
    `ringpost: settings are environment variables.\n\n${settingsTable(gatewaySettings)}\n`,
  );
} else {
  endOnUncaught('ringpost');
  try {
    if (given.faults.length > 0) throw new SettingsError(given.faults);
    await main(loadGatewayConfig(given.env));
  } catch (error) {
    process.stderr.write(`ringpost: ${explain(error)}\n`);
    process.exit(1);
  }
}
