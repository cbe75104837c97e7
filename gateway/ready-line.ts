import { shownUrl } from '#shared/process/shown-url.ts';
import type { Logger } from '#shared/process/logger.ts';
import { CrashNotes } from '#shared/store/lease/crash-notes.ts';
import { openConnection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { Gateway } from './gateway.ts';
import { untilReady } from './ring/readiness.ts';
import type { GatewayConfig } from './settings/config.ts';

export interface ReadyLineParts {
  readonly config: GatewayConfig;
  /** Undefined if this process is only a controller. */
  readonly gateway: Gateway | undefined;
  readonly redisUrl: string;
  /** Whether no other process uses the Redis. */
  readonly isPrivateRedis: boolean;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Waits for the desired replicas. @returns the line that says how the start went. */
export async function readyLine(parts: ReadyLineParts): Promise<string> {
  const { config, gateway, redisUrl, signal } = parts;
  const redis = `Redis ${shownUrl(redisUrl) ?? 'at REDIS_URL'}`;
  if (gateway === undefined) return `ringpost controller ready (${redis})`;
  const { app, adminUrl } = gateway;
  const url = app.listeningOrigin;
  const admin = adminUrl === url ? '' : `admin ${adminUrl}; `;
  if (config.role === 'gateway') return `ringpost gateway ready on ${url} (${admin}${redis})`;
  const { ready, all } = await waitForReplicas({ ...parts, gateway });
  const names = ready.join(' ') || 'none';
  if (all) return `ringpost ready on ${url} (${admin}replicas ${names}; ${redis})`;
  const why = signal.aborted ? '' : await crashReasons(parts, gateway, ready);
  return `ringpost listens on ${url}, but only these replicas are ready: ${names}${why}; see ${adminUrl}/-/ring`;
}

/**
 * @param ready the replicas that are ready.
 * @returns why the workers of the others crashed since this process started, e.g. ` (S1 S2: HANDLER …)`;
 * empty if nothing is known.
 */
async function crashReasons(
  { redisUrl, config: { namespace }, log }: ReadyLineParts,
  { watcher }: Gateway,
  ready: readonly string[],
): Promise<string> {
  const connection = openConnection({ url: redisUrl, namespace, name: 'start', use: 'patient' }, log);
  const clock = clockOf(connection);
  await clock.measure().catch(() => undefined);
  const notes = new CrashNotes(connection);
  const others = watcher.state.desired.map(({ name }) => name).filter((name) => !ready.includes(name));
  const crashes = await Promise.all(others.map((name) => notes.read(name).catch(() => undefined)));
  connection.close();
  const since = clock.started;
  const byReason = new Map<string, string[]>();
  for (const [at, name] of others.entries()) {
    const crash = crashes[at];
    const reason = crash?.reason?.split('\n', 1)[0];
    if (reason === undefined || (crash?.at ?? 0) < since) continue;
    byReason.set(reason, [...(byReason.get(reason) ?? []), name]);
  }
  const said = Array.from(byReason, ([reason, names]) => `${names.join(' ')}: ${reason}`);
  return said.length === 0 ? '' : ` (${said.join('; ')})`;
}

/**
 * Waits for the workers of all desired replicas, for `START_TIMEOUT_MS` at most.
 * @returns the replicas that are ready, and whether all are.
 */
export async function waitForReplicas(
  parts: ReadyLineParts & { readonly gateway: Gateway },
): Promise<{ readonly ready: readonly string[]; readonly all: boolean }> {
  const { config, gateway, redisUrl, isPrivateRedis, log, signal } = parts;
  const { namespace } = config;
  const connection = openConnection({ url: redisUrl, namespace, name: 'start', use: 'patient' }, log);
  const clock = clockOf(connection);
  await clock.measure().catch(() => undefined);
  return untilReady({
    watcher: gateway.watcher,
    connection,
    // In a private Redis an older lease is that of a dead worker, unless someone else starts the workers.
    since: isPrivateRedis && config.replicaDriver !== 'none' ? clock.started : 0,
    timeoutMs: config.startTimeoutMs,
    signal,
  }).finally(() => connection.close());
}
