import type { Redis } from './access.ts';
import { createKeys } from '../keys/keys.ts';
import { keyPrefix, watchOf } from '../target/redis-options.ts';
import type { Log } from '../../process/logger.ts';
import type { ProtocolTrace } from '../../trace/protocol-trace.ts';
import { grantAccess } from './access.ts';
import { giveUp, openRedis, whenReady } from './open-redis.ts';
import type { ConnectionUse } from './open-redis.ts';

/**
 * A connection to Redis, and the namespace of ringpost's keys there. Code outside `shared/store` passes it to
 * the classes of `shared/store`, which send the commands.
 */
export class Connection {
  readonly #redis: Redis;

  /**
   * @param redis an open client.
   * @param prefix of all keys: the namespace, on a Cluster in braces.
   * @param replicas says how many replicas may become the master, if that can be.
   * @param trace is told of each script.
   */
  constructor(redis: Redis, prefix: string, replicas?: () => number, trace?: ProtocolTrace) {
    this.#redis = redis;
    grantAccess(this, { redis, keys: createKeys(prefix), replicas, trace });
  }

  /** Whether commands reach Redis now. */
  get ready(): boolean {
    return this.#redis.status === 'ready';
  }

  /** Resolves once commands reach Redis; rejects if the connection is closed before that. */
  whenReady(): Promise<void> {
    return whenReady(this.#redis);
  }

  /** Calls `listener` each time the connection is made, including the first time. */
  onReady(listener: () => void): void {
    this.#redis.on('ready', listener);
  }

  /** Closes the connection. Commands in progress on a patient connection may never settle. */
  close(): void {
    this.#redis.disconnect();
  }

  /** Closes the connection and fails all commands that wait for it. */
  giveUp(): void {
    giveUp(this.#redis);
  }
}

export interface ConnectionOptions {
  /** In any of the forms that docs/redis.md lists. */
  readonly url: string;
  /** Systems with different namespaces can share a Redis. */
  readonly namespace: string;
  /** `CLIENT LIST` shows it, after the namespace. */
  readonly name: string;
  readonly use: ConnectionUse;
  /** The protocol trace of the part of the process that opens it. */
  readonly trace?: ProtocolTrace | undefined;
}

/** Opens a connection. If it breaks, it is opened again: after 50 ms at first, and at most 1 s. */
export function openConnection(
  { url, namespace, name, use, trace }: ConnectionOptions,
  log: Log,
): Connection {
  const redis = openRedis(url, `${namespace}:${name}`, use, log);
  const watch = watchOf(url, namespace);
  const replicas = watch && ((): number => watch.replicas);
  return new Connection(redis, keyPrefix(url, namespace), replicas, trace);
}
