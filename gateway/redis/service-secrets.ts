import { createHash } from 'node:crypto';
import { parseRedisUrl } from '#shared/process/redis-url.ts';
import { aclFile, aclRules, urlOfUser } from '#shared/store/redis/redis-users.ts';
import type { RedisUser } from '#shared/store/redis/redis-users.ts';

/** The users of the Redis of a compose file that have passwords. */
export const serviceUsers = ['admin', 'gateway', 'controller', 'worker'] as const;

export type Passwords = Readonly<Record<(typeof serviceUsers)[number], string>>;

/** A file that one service reads. */
export interface SecretFile {
  /** The folder of the service, and the file in it. */
  readonly path: readonly [folder: string, file: string];
  readonly text: string;
  /** The group that may read it; undefined if only root may. */
  readonly group: number | undefined;
}

/** The group `redis` of the image `redis:7-bookworm`, and the group `node` of our image. */
const redisGroup = 999;
const nodeGroup = 1000;

/**
 * The file with the password of each user. No other file contains it; the file of users contains its digest.
 */
export const passwordFiles: Readonly<Record<keyof Passwords, SecretFile['path']>> = {
  admin: ['redis', 'admin-password'],
  gateway: ['gateway', 'redis-url'],
  controller: ['controller', 'redis-url'],
  worker: ['controller', 'worker-redis-url'],
};

/**
 * @param url of Redis as the services reach it, without a user.
 * @returns the files that the services of a compose file read: Redis its users, the others their URLs.
 */
export function secretFiles(passwords: Passwords, namespace: string, url: string): SecretFile[] {
  const user = (name: keyof Passwords, rules: readonly string[]): RedisUser => ({
    name,
    passwordSha256: createHash('sha256').update(passwords[name]).digest('hex'),
    rules,
  });
  const urlFile = (name: 'gateway' | 'controller' | 'worker', group?: number): SecretFile => ({
    path: passwordFiles[name],
    text: `${urlOfUser(url, name, passwords[name])}\n`,
    group,
  });
  const users = [
    user('admin', ['~*', '&*', '+@all']),
    user('gateway', aclRules(['gateway'], namespace)),
    user('controller', aclRules(['controller'], namespace)),
    user('worker', aclRules(['worker'], namespace)),
    // A health check starts a process every few seconds, and needs no secret.
    { name: 'health', passwordSha256: undefined, rules: ['-@all', '+ping'] },
  ];
  return [
    { path: passwordFiles.admin, text: `${passwords.admin}\n`, group: undefined },
    urlFile('gateway', nodeGroup),
    urlFile('controller'),
    urlFile('worker'),
    { path: ['redis', 'users.acl'], text: aclFile(users), group: redisGroup },
  ];
}

/** @returns the password in the text of one of the {@link passwordFiles}; undefined if there is none. */
export function passwordIn(text: string): string | undefined {
  const line = text.trim();
  const parsed = parseRedisUrl(line);
  const password = 'fault' in parsed ? line : parsed.login.password;
  return /^[0-9a-f]{64}$/.test(password) ? password : undefined;
}
