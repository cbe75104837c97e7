import { randomUUID } from 'node:crypto';
import { link, readFile, readlink, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { RedisUnfitError } from '#shared/store/redis/check-redis.ts';
import { probe } from './probe.ts';
import { passwordFileOf } from './redis-password.ts';

export type RunningRedis = { readonly pid: number; readonly port: number };

/** The holder of a directory: the ringpost process, and its Redis as soon as that answers. */
type Holder = { readonly token: string; readonly owner: number; readonly redis?: RunningRedis };

export type DirectoryLock = {
  /** Records which Redis runs now. @throws {RedisUnfitError} if the lock was taken over. */
  record(redis: RunningRedis): Promise<void>;
  /** Releases the lock; a second call does nothing. */
  release(): Promise<void>;
};

const fileName = 'ringpost.lock';
/** A tethered Redis whose parent is gone has 10 s to write its append-only file. */
const maxWaitMs = 15_000;

/** The locks of this process. After a restart in a container a stale lock may contain the same pid. */
const heldHere = new Set<string>();

/**
 * Takes the lock of a Redis directory. If its holder is gone, the lock is taken over. If the holder's Redis
 * is still shutting down or starting, this waits for up to 15 s.
 *
 * @param directory an absolute path without symbolic links, as Redis itself reports it.
 * @throws {RedisUnfitError} with one sentence if another ringpost runs its Redis there.
 */
export async function lockDirectory(directory: string, log: (line: string) => void): Promise<DirectoryLock> {
  const file = join(directory, fileName);
  const token = randomUUID();
  const deadline = performance.now() + maxWaitMs;
  let waiting = false;
  heldHere.add(token);
  try {
    while (!(await place(file, { token, owner: process.pid }))) {
      const text = await read(file);
      if (text === undefined) continue;
      const holder = parse(text);
      const state = holder === undefined ? 'gone' : await stateOf(holder, directory);
      const late = performance.now() > deadline;
      // Two Redis servers would ruin the append-only file: past the deadline only a Redis that never came up
      // is ignored.
      if (holder !== undefined && (state === 'live' || (state === 'leaving' && late)))
        throw new RedisUnfitError(refusal(holder, directory));
      if (state === 'gone' || late) {
        await takeAway(file, text, token);
      } else {
        if (!waiting) log(`waiting for an earlier ringpost's Redis in ${directory}`);
        waiting = true;
        await delay(20);
      }
    }
  } catch (error) {
    heldHere.delete(token);
    throw error;
  }
  const ours = async () => {
    const text = (await read(file)) ?? '';
    return parse(text)?.token === token ? text : undefined;
  };
  return {
    async record(redis) {
      if ((await ours()) === undefined)
        throw new RedisUnfitError(`another ringpost took over ${directory} during the start`);
      await writeFile(
        `${file}.${token}`,
        JSON.stringify({ token, owner: process.pid, redis } satisfies Holder),
      );
      // A reader sees the old text or all of the new one.
      await rename(`${file}.${token}`, file);
    },
    async release() {
      const text = heldHere.delete(token) ? await ours() : undefined;
      if (text !== undefined) await takeAway(file, text, token);
    },
  };
}

/** @returns the Redis that the lock of a directory names, whether it still runs or not. */
export async function lockedRedis(directory: string): Promise<RunningRedis | undefined> {
  return parse((await read(join(directory, fileName))) ?? '')?.redis;
}

/**
 * `live`: the owner runs and its Redis answers. `starting`: the owner runs, Redis does not yet. `leaving`: a
 * Redis without an owner, or one that does not answer. `gone`: another Redis has the port, or it is free
 * (Redis closes it after its last write).
 */
async function stateOf({ token, owner, redis }: Holder, directory: string) {
  const owned = owner === process.pid ? heldHere.has(token) : exists(owner);
  if (redis === undefined) return owned ? 'starting' : 'gone';
  const found = await probe(redis.port);
  if (found === 'free') return 'gone';
  if (found === 'silent' || found === 'foreign') return exists(redis.pid) ? 'leaving' : 'gone';
  const there = found === 'locked' ? await worksIn(redis.pid, directory) : found.directory === directory;
  if (!there) return 'gone';
  return owned ? 'live' : 'leaving';
}

function refusal({ owner, redis }: Holder, directory: string): string {
  const what = `another ringpost already runs its Redis in ${directory} (pid ${redis?.pid ?? owner})`;
  if (redis === undefined) return what;
  const password = `$(cat '${passwordFileOf(directory)}')`;
  return `${what}; to join it set REDIS_URL="redis://:${password}@127.0.0.1:${redis.port}"`;
}

/** @returns whether a process is a Redis that serves from the directory, which is its working directory. */
async function worksIn(pid: number, directory: string): Promise<boolean> {
  if (!exists(pid)) return false;
  // Without /proc (macOS) the pid has to do.
  const found = await readlink(`/proc/${pid}/cwd`).catch((error: unknown) => codeOf(error));
  return found === directory || (found === 'ENOENT' && process.platform !== 'linux');
}

/** Creates the lock file with its content in one step. @returns false if there is one already. */
async function place(file: string, holder: Holder): Promise<boolean> {
  const draft = `${file}.${holder.token}`;
  await writeFile(draft, JSON.stringify(holder));
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Removes the lock only if it still has that content: another process may have taken it over. */
async function takeAway(file: string, content: string, token: string): Promise<void> {
  const aside = `${file}.${token}.aside`;
  try {
    await rename(file, aside);
    if ((await readFile(aside, 'utf8')) !== content) await link(aside, file);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'EEXIST') throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function read(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** @returns the content of a lock file; undefined if this program did not write it. */
function parse(text: string): Holder | undefined {
  try {
    const holder: unknown = JSON.parse(text);
    const known = typeof holder === 'object' && holder !== null && 'token' in holder && 'owner' in holder;
    // place() and record() write it whole.
    return known ? (holder as Holder) : undefined;
  } catch {
    return undefined;
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // A process of another user.
    return codeOf(error) === 'EPERM';
  }
}

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? error.code : undefined);
