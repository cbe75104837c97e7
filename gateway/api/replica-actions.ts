import fp from 'fastify-plugin';
import type { ReplicaActionView } from '#shared/contract/api/replicas.ts';
import { Problem } from '#shared/contract/errors.ts';
import type { ReplicaHold } from '#shared/contract/replica-hold.ts';
import type { Logger } from '#shared/process/logger.ts';
import { currentGeneration } from '#shared/store/lease/generations.ts';
import { pauseQueue, resumeQueue } from '#shared/store/queue/queue-pauses.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { PublishedStatus } from '#shared/store/ring/published-status.ts';
import type { RingStore } from '#shared/store/ring/ring-store.ts';
import { replicaOperations } from '../openapi/replica-operations.ts';
import { checkDesired, checkPausable, planDrain, planRestart, planResume } from '../ring/replica-holds.ts';
import type { RingWatcher } from '../ring/ring-watcher.ts';
import { noStore } from '../routes/no-store.ts';
import { redisAway } from '../routes/redis-away.ts';

export interface ReplicaActionOptions {
  readonly connection: Connection;
  readonly store: RingStore;
  readonly watcher: RingWatcher;
  /** The driver that this process's settings name, for a controller that does not say which it has. */
  readonly replicaDriver: string;
  readonly log: Logger;
}

interface Call {
  Params: { name: string };
}

type Act = (name: string) => Promise<ReplicaHold | null>;

/**
 * `POST /-/api/replicas/<name>/drain|restart|pause|resume` and `POST /-/api/restart`. They write down what is
 * asked for; the leading controller and the workers do it.
 */
export const replicaActionRoutes = fp<ReplicaActionOptions>(
  (app, { connection, store, watcher, replicaDriver, log }, done) => {
    const onRequest = noStore;
    const status = new PublishedStatus(connection, log);

    const restart = async (names: readonly string[], rolling: boolean): Promise<void> => {
      checkDriver((await status.driver()) ?? replicaDriver);
      const generations = await generationsOf(connection, names);
      await store.changeHolds((state) => planRestart(state, generations, rolling));
    };

    const acts: Readonly<Record<'drain' | 'restart' | 'pause' | 'resume', Act>> = {
      drain: async (name) => {
        await store.changeHolds((state) => planDrain(state, name, clockOf(connection).now()));
        // What waits in its queue is to be finished.
        await resumeQueue(connection, name);
        return 'drained';
      },
      restart: async (name) => {
        checkDesired(await store.read(), name);
        await restart([name], false);
        return 'restarting';
      },
      pause: async (name) => {
        checkPausable(await store.read(), name);
        await pauseQueue(connection, name);
        return 'paused';
      },
      resume: async (name) => {
        await store.changeHolds((state) => planResume(state, name));
        await resumeQueue(connection, name);
        return null;
      },
    };

    // `Object.entries` loses the names of the keys.
    for (const [action, act] of Object.entries(acts) as [keyof typeof acts, Act][])
      app.post<Call>(
        `/-/api/replicas/:name/${action}`,
        { onRequest, schema: replicaOperations[action] },
        async ({ params }, reply) => {
          const hold = await redisAway(() => act(params.name));
          watcher.wake();
          const view: ReplicaActionView = { replicas: [params.name], hold };
          return reply.code(202).send(view);
        },
      );

    app.post('/-/api/restart', { onRequest, schema: replicaOperations.restartAll }, async (_, reply) => {
      const { desired } = await redisAway(() => store.read());
      const replicas = desired.map(({ name }) => name);
      await redisAway(() => restart(replicas, true));
      const view: ReplicaActionView = { replicas, hold: 'restarting' };
      return reply.code(202).send(view);
    });
    done();
  },
  { name: 'replica-action-routes' },
);

/** @throws {Problem} if ringpost does not run the workers, so that it cannot replace them. */
function checkDriver(driver: string): void {
  if (driver !== 'none') return;
  throw new Problem(
    'conflict',
    'ringpost does not run these workers (REPLICA_DRIVER is none), so it cannot replace them. Start a new ' +
      'worker with the same REPLICA, and end the old one with SIGTERM: the new one takes over.',
  );
}

/** @returns the last generation of each replica that held its lease; 0 if none did. */
async function generationsOf(
  connection: Connection,
  names: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const read = await Promise.all(names.map((name) => currentGeneration(connection, name)));
  return new Map(
    names.map((name, at) => {
      const generation = read[at];
      return [name, Number.isSafeInteger(generation) ? (generation ?? 0) : 0];
    }),
  );
}
