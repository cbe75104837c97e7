import type { Redis } from './access.ts';
import { fieldIn } from './redis-kind.ts';

/**
 * Looks at how the master of sentinels or of a Cluster is replicated.
 * @param redis a connection to it.
 * @param info what its `INFO` says.
 * @param user only `default` is asked for the configuration, since other users need not have the right.
 * @param leaseMs the TTL of a worker's lease.
 * @returns what could be better, each in one sentence.
 */
export async function replicationWarnings(
  redis: Redis,
  info: string,
  user: string,
  leaseMs: number,
): Promise<string[]> {
  const warnings: string[] = [];
  if (fieldIn(info, 'connected_slaves') === '0')
    warnings.push('The Redis master has no replica, so nothing takes over if it fails.');
  // It has this field if both settings are set.
  if (fieldIn(info, 'min_slaves_good_slaves') === '')
    warnings.push(
      'The Redis master has no min-replicas-to-write: if it is cut off, it confirms requests that are lost ' +
        'later; set min-replicas-to-write to 1 on all servers.',
    );
  else if (user === 'default') {
    const [, lag = '0'] = await redis.config('GET', 'min-replicas-max-lag').then(texts, () => []);
    if (Number(lag) * 1000 > leaseMs)
      warnings.push(
        `min-replicas-max-lag of Redis is ${lag} s, which is longer than LEASE_MS (${leaseMs}): a master that ` +
          'is cut off confirms requests while their workers may already be replaced; lower it.',
      );
  }
  return warnings;
}

/** RESP2 has a list of names and values, RESP3 an object. */
function texts(reply: unknown): string[] {
  if (Array.isArray(reply)) return reply.map(String);
  return typeof reply === 'object' && reply !== null ? Object.entries(reply).flat().map(String) : [];
}
