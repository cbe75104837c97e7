/**
 * Makes the passwords of a compose file's Redis: `node gateway/redis/write-service-secrets.ts <folder> <url>`.
 * The folder has one of its own for each service. Passwords that are there stay; the users get the rights that
 * they have in this release.
 */
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { urlOfUser } from '#shared/store/redis/redis-users.ts';
import { passwordFiles, passwordIn, secretFiles, serviceUsers } from './service-secrets.ts';
import type { Passwords, SecretFile } from './service-secrets.ts';

const [folder, url, namespace = 'ringpost'] = process.argv.slice(2);
if (folder === undefined || url === undefined) throw new Error('a folder and the URL of Redis are needed');

const entries = serviceUsers.map(async (name) => {
  const known = passwordIn(await textOf(passwordFiles[name]));
  return [name, known ?? randomBytes(32).toString('hex')] as const;
});
const passwords = Object.fromEntries(await Promise.all(entries)) as Passwords; // all of its names
let changed = false;
for (const file of secretFiles(passwords, namespace, url)) {
  if ((await textOf(file.path)) === file.text) continue;
  await write(file);
  changed = true;
}
process.stdout.write(`the passwords of Redis are ${changed ? 'written' : 'as they were'}\n`);
if (changed) await reload();

async function textOf(path: SecretFile['path']): Promise<string> {
  return readFile(join(folder ?? '', ...path), 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  });
}

/** Whoever reads it sees the old text or all of the new one. Nobody else can read it at any time. */
async function write({ path, text, group }: SecretFile): Promise<void> {
  const file = join(folder ?? '', ...path);
  await mkdir(join(folder ?? '', path[0]), { recursive: true });
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  if (group !== undefined && process.getuid?.() === 0) {
    await chown(`${file}.new`, 0, group);
    await chmod(`${file}.new`, 0o640);
  }
  await rename(`${file}.new`, file);
}

/** A Redis that runs already has the users of before. If its administrator is one of them, it can be told. */
async function reload(): Promise<void> {
  const redis = new Redis(urlOfUser(url ?? '', 'admin', passwords.admin), {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: 2000,
    commandTimeout: 2000,
    disconnectTimeout: 100,
  });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    await redis.call('ACL', 'LOAD');
    process.stdout.write('Redis has loaded them\n');
  } catch {
    process.stdout.write('Redis loads them when it starts\n');
  } finally {
    redis.disconnect();
  }
}
