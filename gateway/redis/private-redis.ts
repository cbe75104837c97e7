import { chmod, mkdir, open, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { RedisUnfitError } from '#shared/store/redis/open-redis.ts';
import { userLine } from '#shared/store/redis/redis-users.ts';
import type { RedisUser } from '#shared/store/redis/redis-users.ts';
import { spawnTethered, type TetheredExit, type TetheredProcess } from '#shared/process/tethered.ts';
import { lockDirectory, type DirectoryLock } from './directory-lock.ts';
import { passwordFileOf, redisPassword } from './redis-password.ts';

export type PrivateRedis = {
  /** With its password. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves when it has ended, whoever ended it; never rejects. */
  readonly exited: Promise<TetheredExit>;
  /** SIGTERM, SIGKILL after 10 s; resolves when it has ended and its directory is free. Safe to repeat. */
  stop(): Promise<void>;
};

export type PrivateRedisOptions = {
  /** Its own directory, made if need be, readable by this user only. Its password is in a file beside it. */
  readonly directory: string;
  /** The path of redis-server or valkey-server. */
  readonly binary: string;
  /** The first port to try; the next ones are tried while one is taken. */
  readonly portFrom?: number;
  readonly log: (line: string) => void;
  /** Its users beside the one that it is opened with. */
  readonly users?: readonly RedisUser[];
  /** The server's environment. It needs none. */
  readonly env?: NodeJS.ProcessEnv;
};

const START_TIMEOUT_MS = 30_000;
const STOP_GRACE_MS = 10_000;
const PORTS_TO_TRY = 100;

/**
 * Starts a Redis of our own: bound to loopback, with a password, append-only file on, evicting nothing, dead
 * when this process is. What was stored in the directory before is there again.
 *
 * @returns once it has loaded and answers
 * @throws {RedisUnfitError} with one sentence when another ringpost runs its Redis in the directory, or when
 * it does not answer within 30 s (with the last lines of its log)
 */
export async function startPrivateRedis(options: PrivateRedisOptions): Promise<PrivateRedis> {
  const { binary, portFrom = 6390, log, env = {}, users = [] } = options;
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  const directory = await realpath(options.directory);
  await chmod(directory, 0o700);
  const password = await redisPassword(passwordFileOf(directory));
  const lock = await lockDirectory(directory, log);
  try {
    for (let port = portFrom; port < portFrom + PORTS_TO_TRY; port += 1) {
      const redis = await startOn(port, { directory, binary, env, lock, password, users });
      if (redis !== 'port taken') return redis;
    }
    throw new RedisUnfitError(`no free port for Redis from ${portFrom} to ${portFrom + PORTS_TO_TRY - 1}`);
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
    // Everybody can read a command line.
    input: [`requirepass ${password}`, ...users.map(userLine), ''].join('\n'),
    stdout: 'ignore',
    stderr: 'ignore',
    onParentDeath: 'SIGTERM', // so that it writes what it has
  });
  try {
    const problem = await becomeReady(child, port, lock, () => readFrom(logFile, logFrom));
    if (problem !== undefined) {
      await child.stop({ graceMs: STOP_GRACE_MS });
      const said = (await readFrom(logFile, logFrom)).replaceAll(password, '***');
      if (/address already in use/i.test(said)) return 'port taken';
      throw new RedisUnfitError(
        `Redis ${problem}; its log ${logFile} ends:\n${said.split('\n').slice(-10).join('\n')}`,
      );
    }
  } catch (error) {
    await child.stop({ graceMs: STOP_GRACE_MS });
    throw error;
  }
  const released = child.exited.then(() => lock.release());
  released.catch(() => {}); // stop() reports it
  return {
    url: `redis://:${password}@127.0.0.1:${port}`,
    port,
    pid: child.pid,
    exited: child.exited,
    async stop() {
      await child.stop({ graceMs: STOP_GRACE_MS });
      await released;
    },
  };
}

const redisArguments = (port: number, directory: string, logFile: string) =>
  [
    // Further settings from its stdin.
    ['-'],
    ['--bind', '127.0.0.1', '--port', String(port), '--daemonize', 'no'],
    ['--dir', directory, '--logfile', logFile, '--save', ''],
    ['--appendonly', 'yes', '--appendfsync', 'everysec', '--maxmemory-policy', 'noeviction'],
  ].flat();

/**
 * Waits until the child serves. Its log says so: another program may answer on a port that the child did not
 * get, and must not be told the password.
 *
 * @param said what is in the child's log
 * @returns undefined, or what went wrong
 */
async function becomeReady(
  child: TetheredProcess,
  port: number,
  lock: DirectoryLock,
  said: () => Promise<string>,
) {
  const deadline = performance.now() + START_TIMEOUT_MS;
  const end: { exit?: TetheredExit } = {};
  void child.exited.then((exit) => (end.exit = exit));
  let recorded = false;
  while (performance.now() < deadline) {
    const log = await said();
    if (end.exit !== undefined) return `ended with ${end.exit.signal ?? end.exit.code} at the start`;
    // It listens, and may still load.
    if (!recorded && /Server initialized|Ready to accept connections/.test(log)) {
      await lock.record({ pid: child.pid, port });
      recorded = true;
    }
    if (log.includes('Ready to accept connections')) return undefined;
    await delay(10);
  }
  return `did not answer within ${START_TIMEOUT_MS / 1000} s`;
}

/** What was written to a file past a position, at most its last 8 KB. */
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
