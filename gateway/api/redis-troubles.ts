import type { TroubleView } from '#shared/contract/api/overview.ts';
import type { RedisHealth } from '#shared/store/redis/redis-report.ts';

/** From these parts of `maxmemory` on it is worth a look, and urgent. */
const fullPart = 0.8;
const urgentPart = 0.95;

/** @returns what is wrong with Redis; nothing if it was not asked. */
export function redisTroubles(redis: RedisHealth | undefined): TroubleView[] {
  if (redis === undefined) return [];
  const { policy, usedMemoryBytes, maxMemoryBytes, appendOnly, writeFailed, snapshotFailed, isReplica } =
    redis;
  const troubles: TroubleView[] = [];
  if (isReplica)
    troubles.push({
      level: 'error',
      code: 'redis_read_only',
      text: 'Redis copies another Redis and takes no writes.',
      advice: 'Set REDIS_URL to the primary.',
    });
  if (snapshotFailed)
    troubles.push({
      level: 'error',
      code: 'redis_persistence',
      text: 'The last snapshot of Redis failed; by default it refuses writes then.',
      advice: 'Free space on its disk and memory for its fork, and see its log.',
    });
  if (writeFailed)
    troubles.push({
      level: 'error',
      code: 'redis_persistence',
      text: 'The last write of the append-only file of Redis failed.',
      advice: 'Free space on its disk, and see its log.',
    });
  else if (!appendOnly)
    troubles.push({
      level: 'notice',
      code: 'redis_not_persistent',
      text: 'Redis writes no append-only file, so its restart loses accepted requests.',
      advice: 'Run: redis-cli config set appendonly yes, and set it in redis.conf too.',
    });
  if (policy !== 'noeviction')
    troubles.push({
      level: 'error',
      code: 'redis_evicts',
      text: `Redis has maxmemory-policy ${policy}, so it deletes accepted requests when it is full.`,
      advice: 'Run: redis-cli config set maxmemory-policy noeviction.',
    });
  const used = maxMemoryBytes === 0 ? 0 : usedMemoryBytes / maxMemoryBytes;
  if (used >= fullPart)
    troubles.push({
      level: used >= urgentPart ? 'error' : 'warning',
      code: 'redis_memory',
      text: `Redis uses ${Math.floor(used * 100)} % of its maxmemory; once it is full, requests get 503.`,
      advice: 'Raise maxmemory, or lower QUEUE_LIMIT, RESULT_TTL_S or FAILED_TTL_S.',
    });
  return troubles;
}
