import { randomBytes } from 'node:crypto';
import { chmod, link, open, readFile, rm } from 'node:fs/promises';
import { RedisUnfitError } from '#shared/store/redis/check-redis.ts';

/** It needs no escaping in a URL, a configuration or a shell. */
const password = /^[A-Za-z0-9_-]{22,256}$/;

/** @returns the file with the password of the Redis that works in a directory. */
export function passwordFileOf(directory: string): string {
  return `${directory}-password`;
}

/**
 * Reads the password of a private Redis. The first start makes a random one.
 * @param file only this user can read it.
 * @throws {RedisUnfitError} if the file contains something else. It may be deleted then.
 */
export async function redisPassword(file: string): Promise<string> {
  const found = (await read(file)) ?? (await make(file));
  if (!password.test(found)) {
    throw new RedisUnfitError(
      `${file} has no password of the private Redis; delete it, and a new one is made`,
    );
  }
  await chmod(file, 0o600);
  return found;
}

async function read(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).replace(/\n$/, '');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** If several processes start at once, one makes it. The file appears whole. */
async function make(file: string): Promise<string> {
  const fresh = randomBytes(32).toString('base64url');
  const draft = `${file}.${randomBytes(8).toString('hex')}`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(`${fresh}\n`);
    await handle.sync();
    await link(draft, file);
    return fresh;
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    return (await read(file)) ?? '';
  } finally {
    await handle.close();
    await rm(draft, { force: true });
  }
}

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? error.code : undefined);
