import { Redis } from 'ioredis';
import { addressText, redisUrlOf } from '../../process/redis-url.ts';
import type { RedisPlace } from '../../process/redis-url.ts';
import { safeMessage } from '../../process/safe-error.ts';
import { shownUrl } from '../../process/shown-url.ts';
import { masterWatch } from '../target/master-watch.ts';
import { keyPrefix, redisOptions } from '../target/redis-options.ts';
import { SurveyError } from '../target/survey.ts';
import { lackingRights } from './redis-dry-run.ts';
import { fieldIn, misfit } from './redis-kind.ts';
import { refusalOf, userOf } from './redis-refusal.ts';
import type { RedisRole } from './redis-users.ts';
import { replicationWarnings } from './replication-warnings.ts';

/** ringpost cannot use this Redis. The message says how to change that. */
export class RedisUnfitError extends Error {
  override readonly name = 'RedisUnfitError';
}

/** How long a server may take to answer, in ms. */
const timeoutMs = 3000;

/**
 * Checks that Redis is fit for ringpost: the kind of server that the URL names, version 7.0 or newer
 * (BLMPOP), no eviction, and the rights of the user.
 * @param url the URL of a Redis that should answer.
 * @param roles the roles of this process.
 * @param leaseMs the TTL of a worker's lease.
 * @returns what could be better, each in one sentence.
 * @throws {RedisUnfitError} with one sentence that says what is wrong and how to correct it.
 */
export async function checkRedis(
  url: string,
  roles: readonly RedisRole[] = [],
  namespace = '',
  leaseMs = Number.POSITIVE_INFINITY,
): Promise<string[]> {
  const shown = shownUrl(url) ?? 'REDIS_URL';
  const { place } = redisUrlOf(url);
  let redis: Redis | undefined;
  // Without a listener ioredis would print the error, too.
  let reason: Error | undefined;
  try {
    await findMaster(url, place, namespace);
    redis = new Redis({
      ...redisOptions(url, namespace),
      lazyConnect: true,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
      reconnectOnError: () => false,
      connectTimeout: timeoutMs,
      disableClientInfo: true,
      // A server that accepts connections and never answers must not block the start for ever.
      commandTimeout: timeoutMs,
      disconnectTimeout: 200,
    });
    redis.on('error', (error: Error) => {
      reason = error;
    });
    await redis.connect();
    const info = await redis.info();
    const at = place.kind === 'server' ? addressText(place.addresses[0]) : undefined;
    const unfit = misfit(info, place.kind, at);
    if (unfit !== undefined) throw new RedisUnfitError(`Redis at ${shown} ${unfit}.`);
    const policy = fieldIn(info, 'maxmemory_policy') || 'unknown';
    if (policy !== 'noeviction') {
      throw new RedisUnfitError(
        `Redis at ${shown} has maxmemory-policy ${policy}, which would delete accepted requests; ` +
          'set it to noeviction (redis-cli config set maxmemory-policy noeviction).',
      );
    }
    const lacking: string[] = [];
    for (const role of roles)
      lacking.push(...(await lackingRights(redis, role, keyPrefix(url, namespace), place.kind)));
    if (lacking.length > 0) {
      throw new RedisUnfitError(
        `Redis at ${shown} does not let the user ${userOf(url)} use ${[...new Set(lacking)].join(', ')}; ` +
          `give it the rights of ${roles.join(' and ')} in docs/security.md.`,
      );
    }
    if (place.kind !== 'sentinel' && place.kind !== 'cluster') return [];
    return await replicationWarnings(redis, info, place.kind, userOf(url), leaseMs);
  } catch (error) {
    if (error instanceof RedisUnfitError) throw error;
    const failure = reason?.message ? reason : error;
    const why = refusalOf(failure, userOf(url)) ?? safeMessage(failure);
    throw new RedisUnfitError(`Redis at ${shown} cannot be used: ${why || 'it does not answer'}.`);
  } finally {
    redis?.disconnect();
  }
}

/** Connections wait for a master until there is one. A start says at once why there is none. */
async function findMaster(url: string, place: RedisPlace, namespace: string): Promise<void> {
  if (place.kind !== 'sentinel' && place.kind !== 'cluster') return;
  const watch = masterWatch(url, namespace);
  if ((await watch.look()) !== undefined) return;
  const { failure } = watch;
  const shown = shownUrl(url) ?? 'REDIS_URL';
  const what = place.kind === 'sentinel' ? 'sentinel' : 'node of the Cluster';
  if (failure instanceof SurveyError) {
    const instead = insteadOf(failure.message);
    throw new RedisUnfitError(`The ${what} at ${shown} cannot be used: ${failure.message}${instead}.`);
  }
  const said = failure instanceof Error ? failure.message : '';
  if (place.kind === 'sentinel' && /^(NOAUTH|WRONGPASS)/.test(said))
    throw new RedisUnfitError(
      `The sentinels at ${shown} refuse the user or password; add ?sentinelPassword= to the URL, and ` +
        'sentinelUser= if they have users.',
    );
  const why = refusalOf(failure, userOf(url)) ?? safeMessage(failure);
  throw new RedisUnfitError(`No ${what} at ${shown} can be used: ${why}.`);
}

function insteadOf(fault: string): string {
  if (fault === 'it is no sentinel')
    return '; sentinels listen on port 26379 by default, and a single Redis is written redis://host:6379';
  if (fault === 'it is no node of a Cluster') return '; a single Redis is written redis://host:6379';
  return '';
}
