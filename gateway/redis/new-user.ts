import { createHash, randomBytes } from 'node:crypto';
import { urlOfUser } from '#shared/store/redis/redis-users.ts';
import type { RedisUser } from '#shared/store/redis/redis-users.ts';

/** A user with a random password, which no other process knows. */
export interface NewUser {
  /** As Redis is configured with it. */
  readonly user: RedisUser;
  readonly password: string;
  /** @returns the URL with which this user opens a Redis. */
  urlOf(url: string): string;
}

/** @param rules of the user. */
export function newUser(name: string, rules: readonly string[]): NewUser {
  const password = randomBytes(32).toString('hex');
  const passwordSha256 = createHash('sha256').update(password).digest('hex');
  return { user: { name, passwordSha256, rules }, password, urlOf: (url) => urlOfUser(url, name, password) };
}
