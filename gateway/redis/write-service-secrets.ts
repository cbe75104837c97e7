/**
 * Makes the passwords of a compose file's Redis: `node gateway/redis/write-service-secrets.ts <folder>
 * <url>`. The folder has a subfolder for each service. Existing passwords are kept; the users get the rights
 * that they have in this release.
 */
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadUsers } from '#shared/store/redis/load-users.ts';
import { urlOfUser } from '#shared/store/redis/redis-users.ts';
import { passwordFiles, passwordIn, secretFiles, serviceUsers } from './service-secrets.ts';
import type { Passwords, SecretFile } from './service-secrets.ts';

const [folder, url, namespace = 'ringpost'] = process.argv.slice(2);
if (folder === undefined || url === undefined) throw new Error('a folder and the URL of Redis are needed');

const entries = serviceUsers.map(async (name) => {
  const known = passwordIn(await textOf(passwordFiles[name]));
  return [name, known ?? randomBytes(32).toString('hex')] as const;
});
const passwords = Object.fromEntries(await Promise.all(entries)) as Passwords; // it has all of them
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

/**
 * Replaces the file in one step: a reader sees the old text or all of the new one. Only its group can ever
 * read it.
 */
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

/** A Redis that runs already still has the old users. It can be told if its administrator is one of them. */
async function reload(): Promise<void> {
  const loaded = await loadUsers(urlOfUser(url ?? '', 'admin', passwords.admin));
  process.stdout.write(loaded ? 'Redis has loaded them\n' : 'Redis loads them when it starts\n');
}
