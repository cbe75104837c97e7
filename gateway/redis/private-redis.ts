import { chmod, mkdir, open, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { RedisUnfitError } from '#shared/redis.ts';
import { userLine } from '#shared/redis-users.ts';
import type { RedisUser } from '#shared/redis-users.ts';
import { spawnTethered, type TetheredExit, type TetheredProcess } from '#shared/tethered.ts';
import { lockDirectory, type DirectoryLock } from './directory-lock.ts';
import { probe } from './probe.ts';

export type PrivateRedis = {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves when it has ended, whoever ended it; never rejects. */
  readonly exited: Promise<TetheredExit>;
  /** SIGTERM, SIGKILL after 10 s; resolves when it has ended and its directory is free. Safe to repeat. */
  stop(): Promise<void>;
};

export type PrivateRedisOptions = {
  /** Its own directory, made if need be, readable by this user only. */
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
 * Starts a Redis of our own: bound to loopback, append-only file on, evicting nothing, dead when this
 * process is. What was stored in the directory before is there again.
 *
 * @returns once it has loaded and answers
 * @throws {RedisUnfitError} with one sentence when another ringpost runs its Redis in the directory, or when it does
 *   not answer within 30 s (with the last lines of its log)
 */
export async function startPrivateRedis(options: PrivateRedisOptions): Promise<PrivateRedis> {
  const { binary, portFrom = 6390, log, env = {}, users = [] } = options;
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  const directory = await realpath(options.directory);
  await chmod(directory, 0o700);
  const lock = await lockDirectory(directory, log);
  try {
    await writeUsers(join(directory, usersFile), users);
    for (let port = portFrom; port < portFrom + PORTS_TO_TRY; port += 1) {
      const redis = await startOn(port, { directory, binary, env, lock });
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
};

async function startOn(port: number, start: Start): Promise<PrivateRedis | 'port taken'> {
  const { directory, binary, env, lock } = start;
  const logFile = join(directory, 'redis.log');
  const logFrom = (await stat(logFile).catch(() => undefined))?.size ?? 0;
  const child = spawnTethered(binary, redisArguments(port, directory, logFile), {
    env,
    stdout: 'ignore',
    stderr: 'ignore',
    onParentDeath: 'SIGTERM', // so that it writes what it has
  });
  try {
    const problem = await becomeReady(child, port, directory, lock);
    if (problem !== undefined) {
      await child.stop({ graceMs: STOP_GRACE_MS });
      const said = await readFrom(logFile, logFrom);
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
    url: `redis://127.0.0.1:${port}`,
    port,
    pid: child.pid,
    exited: child.exited,
    async stop() {
      await child.stop({ graceMs: STOP_GRACE_MS });
      await released;
    },
  };
}

const usersFile = 'users.conf';

/** No password is in it, but nobody else has to know who may do what. */
async function writeUsers(file: string, users: readonly RedisUser[]): Promise<void> {
  await rm(file, { force: true });
  await writeFile(file, users.map((user) => `${userLine(user)}\n`).join(''), { mode: 0o600 });
}

const redisArguments = (port: number, directory: string, logFile: string) =>
  [
    ['--bind', '127.0.0.1', '--port', String(port), '--daemonize', 'no'],
    ['--dir', directory, '--logfile', logFile, '--save', '', '--include', join(directory, usersFile)],
    ['--appendonly', 'yes', '--appendfsync', 'everysec', '--maxmemory-policy', 'noeviction'],
  ].flat();

/**
 * Waits until the child serves from the directory: another Redis may answer on a port it did not get.
 *
 * @returns undefined, or what went wrong
 */
async function becomeReady(child: TetheredProcess, port: number, directory: string, lock: DirectoryLock) {
  const deadline = performance.now() + START_TIMEOUT_MS;
  const end: { exit?: TetheredExit } = {};
  void child.exited.then((exit) => (end.exit = exit));
  let recorded = false;
  while (performance.now() < deadline) {
    const found = await probe(port);
    if (end.exit !== undefined) return `ended with ${end.exit.signal ?? end.exit.code} at the start`;
    if (typeof found === 'object' && found.directory === directory) {
      if (!recorded) await lock.record({ pid: child.pid, port });
      recorded = true;
      if (found.ready) return undefined;
    }
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
