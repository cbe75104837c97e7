import type { Redis } from 'ioredis';
import type { Keys } from '../keys/keys.ts';
import type { ProtocolTrace } from '../../trace/protocol-trace.ts';

/** The type of the client, for the files of `shared/store`. */
export type { Redis } from 'ioredis';

/** The part of a `Connection` by which the functions of this file know it. */
export interface Handle {
  readonly ready: boolean;
  whenReady(): Promise<void>;
}

interface Access {
  readonly redis: Redis;
  readonly keys: Keys;
  /** How many replicas may become the master if this one fails; undefined for a single server. */
  readonly replicas?: (() => number) | undefined;
  /** Undefined without `PROTOCOL_TRACE`. */
  readonly trace?: ProtocolTrace | undefined;
}

const granted = new WeakMap<Handle, Access>();

/**
 * Lets files of `shared/store` get the client of a connection. Only the connection's constructor calls it.
 */
export function grantAccess(connection: Handle, access: Access): void {
  granted.set(connection, access);
}

/**
 * @returns the client of a connection. Only files in `shared/store` may import this, which the linter checks.
 * A class calls it once, in its constructor.
 */
export function redisOf(connection: Handle): Redis {
  return accessOf(connection).redis;
}

/** @returns the keys of a connection's namespace. Only files in `shared/store` may import this. */
export function keysOf(connection: Handle): Keys {
  return accessOf(connection).keys;
}

/**
 * @returns how many replicas may become the master of a connection if this one fails, as sentinels or a
 * Cluster know it; undefined if nothing would make another server the master.
 */
export function replicasOf(connection: Handle): number | undefined {
  return accessOf(connection).replicas?.();
}

/** @returns all that files of `shared/store` may have of a connection. */
export function accessOf(connection: Handle): Access {
  const access = granted.get(connection);
  if (access === undefined) throw new TypeError('not a connection to Redis');
  return access;
}
