import type { Redis } from './access.ts';
import type { RedisPlace } from '../../process/redis-url.ts';
import { fieldIn } from './redis-kind.ts';

/**
 * Looks at how the master of sentinels or of a Cluster is replicated.
 * @param redis a connection to it.
 * @param info what its `INFO` says.
 * @param kind of several servers that the URL names.
 * @param user only `default` is asked for the configuration, since other users need not have the right.
 * @param leaseMs the TTL of a worker's lease.
 * @returns what could be better, each in one sentence.
 */
export async function replicationWarnings(
  redis: Redis,
  info: string,
  kind: RedisPlace['kind'],
  user: string,
  leaseMs: number,
): Promise<string[]> {
  const warnings: string[] = [];
  const replicas = Number(fieldIn(info, 'connected_slaves'));
  const mayAsk = user === 'default';
  if (replicas === 0) warnings.push('The Redis master has no replica, so nothing takes over if it fails.');
  if (kind === 'cluster' && mayAsk) {
    const timeoutMs = Number(await setting(redis, 'cluster-node-timeout'));
    if (timeoutMs > leaseMs)
      warnings.push(
        `cluster-node-timeout of Redis is ${timeoutMs} ms, which is longer than LEASE_MS (${leaseMs}): for ` +
          'that long a master that is cut off confirms requests that are lost later, and nothing takes ' +
          'over for it; lower it.',
      );
  }
  // It has this field if both settings are set.
  if (fieldIn(info, 'min_slaves_good_slaves') === '') {
    // With one replica, a failover would stop all writes. A Cluster's master that is cut off stops by
    // itself.
    if (kind !== 'cluster' || replicas > 1)
      warnings.push(
        'The Redis master has no min-replicas-to-write: if it is cut off, it confirms requests that are ' +
          'lost later; set min-replicas-to-write to 1 on all servers.',
      );
  } else if (mayAsk) {
    const lag = await setting(redis, 'min-replicas-max-lag');
    if (Number(lag) * 1000 > leaseMs)
      warnings.push(
        `min-replicas-max-lag of Redis is ${lag} s, which is longer than LEASE_MS (${leaseMs}): a master ` +
          'that is cut off confirms requests while their workers may already be replaced; lower it.',
      );
  }
  return warnings;
}

/** @returns the value of a setting; `0` if it cannot be read. */
async function setting(redis: Redis, name: string): Promise<string> {
  const [, value = '0'] = await redis.config('GET', name).then(texts, () => []);
  return value;
}

/** RESP2 has a list of names and values, RESP3 an object. */
function texts(reply: unknown): string[] {
  if (Array.isArray(reply)) return reply.map(String);
  return typeof reply === 'object' && reply !== null ? Object.entries(reply).flat().map(String) : [];
}
