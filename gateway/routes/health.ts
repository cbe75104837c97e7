import fp from 'fastify-plugin';
import { Problem } from '#shared/contract/errors.ts';
import { safeMessage } from '#shared/process/safe-error.ts';
import type { PublishedStatus } from '#shared/store/ring/published-status.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { ReplyInbox } from '../dispatch/reply-inbox.ts';
import type { Departure } from '../http/departure.ts';
import { operations } from '../openapi/operations.ts';
import type { Agreement } from '../ring/agreement.ts';
import type { RingWatcher } from '../ring/ring-watcher.ts';
import type { StartThreshold } from '../ring/start-threshold.ts';

export interface HealthRouteOptions {
  readonly connection: Connection;
  readonly watcher: RingWatcher;
  readonly status: PublishedStatus;
  readonly inbox: ReplyInbox;
  readonly agreement: Pick<Agreement, 'refusal'>;
  readonly threshold: StartThreshold;
  readonly departure: Pick<Departure, 'begun'>;
}

/** Time in ms in which Redis has to take a barrier and give it back. */
const probeTimeoutMs = 700;
/** Replicas that are named. */
const maxNamed = 10;

/** `/-/live`: the process answers. `/-/ready`: requests can be dispatched, or why not. */
export const healthRoutes = fp<HealthRouteOptions>(
  (app, { connection, watcher, status, inbox, agreement, threshold, departure }, done) => {
    let probing: Promise<string | undefined> | undefined;
    /**
     * @returns why replicas cannot be started or ended. While Redis does not answer, all calls share one
     * probe.
     */
    const probe = (): Promise<string | undefined> =>
      (probing ??= Promise.all([status.trouble(), inbox.caughtUp()])
        .then(([trouble]) => trouble)
        .finally(() => {
          probing = undefined;
        }));

    app.get('/-/live', { schema: operations.showLive }, () => ({ status: 'live' }));
    app.get('/-/ready', { schema: operations.showReady }, async () => {
      if (departure.begun) throw new Problem('stopping', 'The gateway stops. Ask another one.');
      if (!connection.ready || watcher.stale) throw new Problem('redis_away', 'Redis does not answer.');
      const { refusal } = agreement;
      if (refusal !== undefined) throw refusal;
      if (watcher.ring.members.length === 0) throw new Problem('no_replica', 'No replica is ready.');
      const wait = threshold.waitsFor();
      if (wait !== undefined) throw starting(wait);
      // Requests go on while replicas cannot be started or ended, but monitoring has to know of it.
      const trouble = await inTime(probe());
      const replicas = watcher.ring.members.map(({ name }) => name);
      return { status: 'ready', replicas, ...(trouble === undefined ? {} : { trouble }) };
    });
    done();
  },
  { name: 'health-routes' },
);

function starting({ missing, ms }: { readonly missing: readonly string[]; readonly ms: number }): Problem {
  const others = missing.length > maxNamed ? ` and ${missing.length - maxNamed} others` : '';
  const names = missing.slice(0, maxNamed).join(', ');
  return new Problem(
    'starting',
    `The gateway waits for the first start of ${names}${others}, for ${Math.ceil(ms / 1000)} s at most.`,
  );
}

/** @throws {Problem} `redis_away` if Redis refuses, or does not answer in time. */
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
