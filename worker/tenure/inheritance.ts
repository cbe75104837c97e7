import type { Redis } from 'ioredis';
import type { Keys } from '#shared/store/keys/keys.ts';
import { isReplicaName } from '#shared/contract/replica-name.ts';

/** @returns the retired replicas that this one has replaced, directly or one after the other. It alone adopts their queues. */
export async function inheritedBy(redis: Redis, keys: Keys, replica: string): Promise<readonly string[]> {
  const heirs = Object.entries(await redis.hgetall(keys.heirs));
  return heirs.flatMap(([name, heir]) => (heir === replica && isReplicaName(name) ? [name] : []));
}
