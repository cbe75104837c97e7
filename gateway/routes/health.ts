import fp from 'fastify-plugin';
import type { Redis } from 'ioredis';
import { driverTrouble } from '#shared/contract/replica-status.ts';
import { Problem } from '#shared/contract/errors.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import { safeMessage } from '#shared/process/safe-error.ts';
import type { Agreement } from '../ring/agreement.ts';
import type { ReplyInbox } from '../dispatch/reply-inbox.ts';
import { operations } from '../openapi/operations.ts';
import type { RingWatcher } from '../ring/ring-watcher.ts';
import type { StartThreshold } from '../ring/start-threshold.ts';

export interface HealthRouteOptions {
  readonly watcher: RingWatcher;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly inbox: ReplyInbox;
  readonly agreement: Pick<Agreement, 'refusal'>;
  readonly threshold: StartThreshold;
}

/** Redis has this time to take a mark and to give it back, in ms. */
const probeTimeoutMs = 700;
/** Replicas that are named. */
const mostNamed = 10;

/** `/-/live`: the process answers. `/-/ready`: requests can be dispatched, or why not. */
export const healthRoutes = fp<HealthRouteOptions>(
  (app, { watcher, redis, keys, inbox, agreement, threshold }, done) => {
    let looking: Promise<string | null> | undefined;
    /** @returns why replicas cannot be started or ended; while Redis does not answer, all who ask share one look. */
    const look = (): Promise<string | null> =>
      (looking ??= Promise.all([redis.hget(keys.status, driverTrouble), inbox.caughtUp()])
        .then(([trouble]) => trouble)
        .finally(() => {
          looking = undefined;
        }));

    app.get('/-/live', { schema: operations.showLive }, () => ({ status: 'live' }));
    app.get('/-/ready', { schema: operations.showReady }, async () => {
      if (redis.status !== 'ready' || watcher.stale)
        throw new Problem('redis_away', 'Redis does not answer.');
      const { refusal } = agreement;
      if (refusal !== undefined) throw refusal;
      if (watcher.ring.members.length === 0) throw new Problem('no_replica', 'No replica is ready.');
      const wait = threshold.waitsFor();
      if (wait !== undefined) throw starting(wait);
      // Requests go on while replicas cannot be started or ended; who watches shall know of it all the same.
      const trouble = await inTime(look());
      const replicas = watcher.ring.members.map(({ name }) => name);
      return { status: 'ready', replicas, ...(trouble === null ? {} : { trouble }) };
    });
    done();
  },
  { name: 'health-routes' },
);

function starting({ missing, ms }: { readonly missing: readonly string[]; readonly ms: number }): Problem {
  const others = missing.length > mostNamed ? ` and ${missing.length - mostNamed} others` : '';
  const names = missing.slice(0, mostNamed).join(', ');
  return new Problem(
    'starting',
    `The gateway waits for the first start of ${names}${others}, for ${Math.ceil(ms / 1000)} s at most.`,
  );
}

/** @throws {Problem} `redis_away` where Redis refuses, or does not answer in time. */
async function inTime<Value>(asked: Promise<Value>): Promise<Value> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Problem('redis_away', 'Redis does not answer in time.')),
    probeTimeoutMs,
  );
  try {
    return await Promise.race([asked, late.promise]);
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem('redis_away', `Redis does not take requests: ${safeMessage(error)}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
