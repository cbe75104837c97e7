import { shownUrl } from '#shared/process/shown-url.ts';
import type { Logger } from '#shared/process/logger.ts';
import { CrashNotes } from '#shared/store/lease/crash-notes.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
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
  const { config, gateway, redisUrl, isPrivateRedis, log, signal } = parts;
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
  try {
    const { ready, all } = await untilReady({
      watcher,
      connection,
      // In a private Redis an older lease is that of a dead worker.
      since: isPrivateRedis ? clock.started : 0,
      timeoutMs: config.startTimeoutMs,
      signal,
    });
    const names = ready.join(' ') || 'none';
    if (all) return `ringpost ready on ${url} (${admin}replicas ${names}; ${redis})`;
    const others = watcher.state.desired.map(({ name }) => name).filter((name) => !ready.includes(name));
    const why = signal.aborted ? '' : await crashReasons(connection, others, clock.started);
    return `ringpost listens on ${url}, but only these replicas are ready: ${names}${why}; see ${adminUrl}/-/ring`;
  } finally {
    connection.close();
  }
}

/**
 * @param since in ms since the epoch, in Redis time; older crashes do not count.
 * @returns why workers crashed, e.g. ` (S1 S2: HANDLER …)`; empty if nothing is known.
 */
async function crashReasons(
  connection: Connection,
  replicas: readonly string[],
  since: number,
): Promise<string> {
  const notes = new CrashNotes(connection);
  const crashes = await Promise.all(replicas.map((name) => notes.read(name).catch(() => undefined)));
  const byReason = new Map<string, string[]>();
  for (const [at, name] of replicas.entries()) {
    const crash = crashes[at];
    const reason = crash?.reason?.split('\n', 1)[0];
    if (reason === undefined || (crash?.at ?? 0) < since) continue;
    byReason.set(reason, [...(byReason.get(reason) ?? []), name]);
  }
  const said = Array.from(byReason, ([reason, names]) => `${names.join(' ')}: ${reason}`);
  return said.length === 0 ? '' : ` (${said.join('; ')})`;
}
