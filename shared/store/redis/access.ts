import type { Redis } from 'ioredis';
import type { Keys } from '../keys/keys.ts';
import type { Connection } from './connection.ts';

/** The type of the client, for the files of the storage floor. */
export type { Redis } from 'ioredis';

interface Access {
  readonly redis: Redis;
  readonly keys: Keys;
}

const granted = new WeakMap<Connection, Access>();

/** Lets the storage floor see what a connection wraps. Only the connection's constructor calls it. */
export function grantAccess(connection: Connection, access: Access): void {
  granted.set(connection, access);
}

/**
 * @returns the client of a connection. Only files in `shared/store` may import this: the linter holds it. A class
 * asks once, in its constructor.
 */
export function redisOf(connection: Connection): Redis {
  return accessOf(connection).redis;
}

/** @returns the keys of a connection's namespace. Only files in `shared/store` may import this. */
export function keysOf(connection: Connection): Keys {
  return accessOf(connection).keys;
}

function accessOf(connection: Connection): Access {
  const access = granted.get(connection);
  if (access === undefined) throw new TypeError('not a connection to Redis');
  return access;
}
