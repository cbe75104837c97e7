import { redisUrlOf } from '../../process/redis-url.ts';
import type { RedisUrl } from '../../process/redis-url.ts';
import { masterConnector } from './master-connector.ts';
import { masterWatch } from './master-watch.ts';
import type { MasterWatch } from './master-watch.ts';
import { becameReplica, movedAway } from './moved-away.ts';
import { tlsOptions } from './access-options.ts';
import type { TargetOptions } from './access-options.ts';

/**
 * @param url of Redis.
 * @param namespace of the keys: on a Cluster it decides about the slot, and thereby about the server.
 * @returns what ioredis needs to open connections to that Redis, and to no other one.
 * @throws {TlsFileError} if a file for TLS cannot be read.
 */
export function redisOptions(url: string, namespace: string): TargetOptions {
  const parsed = redisUrlOf(url);
  const { place, login, tls, database, family } = parsed;
  const common: TargetOptions = {
    ...(login.user === '' ? {} : { username: login.user }),
    ...(login.password === '' ? {} : { password: login.password }),
    ...(tls === undefined ? {} : { tls: tlsOptions(tls) }),
    ...(family === 0 ? {} : { family }),
    db: database,
    reconnectOnError: place.kind === 'server' || place.kind === 'unix' ? becameReplica() : movedAway,
  };
  switch (place.kind) {
    case 'server':
      return { ...common, ...place.addresses[0] };
    case 'unix':
      return { ...common, path: place.path };
    case 'sentinel':
    case 'cluster':
      return { ...common, Connector: masterConnector(masterWatch(url, namespace)) };
    default:
      return place satisfies never;
  }
}

/**
 * On a Cluster, the namespace is the hash tag of all keys, so that all are in one slot. Anywhere else the
 * keys have the names that they always had.
 * @returns the prefix of all keys.
 */
export function keyPrefix(url: string, namespace: string): string {
  return isCluster(redisUrlOf(url)) ? `{${namespace}}` : namespace;
}

/** @returns the watch over the masters of sentinels or of a Cluster; undefined for a single server. */
export function watchOf(url: string, namespace: string): MasterWatch | undefined {
  const { kind } = redisUrlOf(url).place;
  return kind === 'sentinel' || kind === 'cluster' ? masterWatch(url, namespace) : undefined;
}

function isCluster({ place }: RedisUrl): boolean {
  return place.kind === 'cluster';
}
