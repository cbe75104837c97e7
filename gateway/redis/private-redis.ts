import { chmod, mkdir, open, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { RedisUnfitError } from '#shared/store/redis/check-redis.ts';
import { userLine } from '#shared/store/redis/redis-users.ts';
import type { RedisUser } from '#shared/store/redis/redis-users.ts';
import { spawnTethered, type TetheredExit, type TetheredProcess } from '#shared/process/tethered.ts';
import { lockDirectory, type DirectoryLock } from './directory-lock.ts';
import { passwordFileOf, redisPassword } from './redis-password.ts';

export type PrivateRedis = {
  /** Includes its password. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves when it has ended, for whatever reason; never rejects. */
  readonly exited: Promise<TetheredExit>;
  /**
   * Sends SIGTERM, and SIGKILL after 10 s. Resolves when it has ended and its directory is free. Safe to
   * repeat.
   */
  stop(): Promise<void>;
};

export type PrivateRedisOptions = {
  /**
   * Its own directory, created if need be, and only readable by this user. Its password is in a file beside
   * it.
   */
  readonly directory: string;
  /** The path of redis-server or valkey-server. */
  readonly binary: string;
  /** The first port to try. If it is taken, the next ones are tried. */
  readonly portFrom?: number;
  readonly log: (line: string) => void;
  /** Its users besides the one of `url`. */
  readonly users?: readonly RedisUser[];
  /** The server's environment; empty by default. */
  readonly env?: NodeJS.ProcessEnv;
};

const startTimeoutMs = 30_000;
const stopGraceMs = 10_000;
const maxPorts = 100;

/**
 * Starts a private Redis: on loopback, with a password and an append-only file, without eviction. It ends
 * with this process, and loads what was stored in the directory before.
 * @returns once it has loaded and answers.
 * @throws {RedisUnfitError} with one sentence if another ringpost runs its Redis in the directory, or if it
 * does not answer within 30 s (with the last lines of its log).
 */
export async function startPrivateRedis(options: PrivateRedisOptions): Promise<PrivateRedis> {
  const { binary, portFrom = 6390, log, env = {}, users = [] } = options;
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  const directory = await realpath(options.directory);
  await chmod(directory, 0o700);
  const password = await redisPassword(passwordFileOf(directory));
  const lock = await lockDirectory(directory, log);
  try {
    for (let port = portFrom; port < portFrom + maxPorts; port += 1) {
      const redis = await startOn(port, { directory, binary, env, lock, password, users });
      if (redis !== 'port taken') return redis;
    }
    throw new RedisUnfitError(`no free port for Redis from ${portFrom} to ${portFrom + maxPorts - 1}`);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

type Start = {
  readonly directory: string;
  readonly binary: string;
  readonly env: NodeJS.ProcessEnv;
  readonly lock: DirectoryLock;
  readonly password: string;
  readonly users: readonly RedisUser[];
};

async function startOn(port: number, start: Start): Promise<PrivateRedis | 'port taken'> {
  const { directory, binary, env, lock, password, users } = start;
  const logFile = join(directory, 'redis.log');
  const logFrom = (await stat(logFile).catch(() => undefined))?.size ?? 0;
  const child = spawnTethered(binary, redisArguments(port, directory, logFile), {
    env,
    // Every user of the machine can read a command line.
    input: [`requirepass ${password}`, ...users.map(userLine), ''].join('\n'),
    stdout: 'ignore',
    stderr: 'ignore',
    // Not SIGKILL, so that it writes its data.
    onParentDeath: 'SIGTERM',
  });
  try {
    const problem = await becomeReady(child, port, lock, () => readFrom(logFile, logFrom));
    if (problem !== undefined) {
      await child.stop({ graceMs: stopGraceMs });
      const said = (await readFrom(logFile, logFrom)).replaceAll(password, '***');
      if (/address already in use/i.test(said)) return 'port taken';
      throw new RedisUnfitError(
        `Redis ${problem}; its log ${logFile} ends:\n${said.split('\n').slice(-10).join('\n')}`,
      );
    }
  } catch (error) {
    await child.stop({ graceMs: stopGraceMs });
    throw error;
  }
  const released = child.exited.then(() => lock.release());
  // stop() reports a failure.
  released.catch(() => undefined);
  return {
    url: `redis://:${password}@127.0.0.1:${port}`,
    port,
    pid: child.pid,
    exited: child.exited,
    async stop() {
      await child.stop({ graceMs: stopGraceMs });
      await released;
    },
  };
}

const redisArguments = (port: number, directory: string, logFile: string) =>
  [
    // It reads further settings from stdin.
    ['-'],
    ['--bind', '127.0.0.1', '--port', String(port), '--daemonize', 'no'],
    ['--dir', directory, '--logfile', logFile, '--save', ''],
    ['--appendonly', 'yes', '--appendfsync', 'everysec', '--maxmemory-policy', 'noeviction'],
  ].flat();

/**
 * Waits until the child serves, as its log says. Asking the port would tell the password to another program
 * that may have it.
 * @param said reads the child's log.
 * @returns undefined, or what went wrong.
 */
async function becomeReady(
  child: TetheredProcess,
  port: number,
  lock: DirectoryLock,
  said: () => Promise<string>,
) {
  const deadline = performance.now() + startTimeoutMs;
  const end: { exit?: TetheredExit } = {};
  void child.exited.then((exit) => (end.exit = exit));
  let recorded = false;
  while (performance.now() < deadline) {
    const log = await said();
    if (end.exit !== undefined) return `ended with ${end.exit.signal ?? end.exit.code} at the start`;
    // It listens, and may still be loading.
    if (!recorded && /Server initialized|Ready to accept connections/.test(log)) {
      await lock.record({ pid: child.pid, port });
      recorded = true;
    }
    if (log.includes('Ready to accept connections')) return undefined;
    await delay(10);
  }
  return `did not answer within ${startTimeoutMs / 1000} s`;
}

/** @returns what was written to a file after a position; at most its last 8 KiB. */
async function readFrom(file: string, position: number): Promise<string> {
  const handle = await open(file).catch(() => undefined);
  if (handle === undefined) return '(there is no log)';
  try {
    const { size } = await handle.stat();
    const from = Math.max(position, size - 8192);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.max(0, size - from)), 0, null, from);
    return buffer.subarray(0, bytesRead).toString().trim();
  } finally {
    await handle.close();
  }
}
