import fp from 'fastify-plugin';
import type { ReplicaActionView, ReplicaWeightView } from '#shared/contract/api/replicas.ts';
import { Problem } from '#shared/contract/errors.ts';
import type { ReplicaHold } from '#shared/contract/replica-hold.ts';
import type { Logger } from '#shared/process/logger.ts';
import { currentGeneration } from '#shared/store/lease/generations.ts';
import { pauseQueue, resumeQueue } from '#shared/store/queue/queue-pauses.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { PublishedStatus } from '#shared/store/ring/published-status.ts';
import type { RingStore } from '#shared/store/ring/ring-store.ts';
import { WeightStore } from '#shared/store/ring/weight-store.ts';
import type { RingParameters } from '#shared/ring/ring.ts';
import { replicaOperations } from '../openapi/replica-operations.ts';
import { checkDesired, checkPausable, planDrain, planRestart, planResume } from '../ring/replica-holds.ts';
import type { RingWatcher } from '../ring/ring-watcher.ts';
import { planWeight, weightFault } from '../ring/weights.ts';
import { noStore } from '../routes/no-store.ts';
import { redisAway } from '../routes/redis-away.ts';

export interface ReplicaActionOptions {
  readonly connection: Connection;
  readonly store: RingStore;
  readonly watcher: RingWatcher;
  readonly parameters: RingParameters;
  /** The driver that this process's settings name, for a controller that does not say which it has. */
  readonly replicaDriver: string;
  readonly log: Logger;
}

interface Call {
  Params: { name: string };
}

interface WeightCall extends Call {
  Body: unknown;
}

type Act = (name: string) => Promise<ReplicaHold | null>;

/**
 * `POST /-/api/replicas/<name>/drain|restart|pause|resume` and `POST /-/api/restart`. They write down what is
 * asked for; the leading controller and the workers do it. `PUT /-/api/replicas/<name>/weight` changes the
 * ring.
 */
export const replicaActionRoutes = fp<ReplicaActionOptions>(
  (app, { connection, store, watcher, parameters, replicaDriver, log }, done) => {
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

    const weights = new WeightStore(connection, store, log);
    app.put<WeightCall>(
      '/-/api/replicas/:name/weight',
      { onRequest, schema: replicaOperations.weight },
      async ({ params: { name }, body }) => {
        const weight = weightIn(body);
        await redisAway(() => weights.change((state) => planWeight(state, name, weight, parameters)));
        // The next request to this gateway is to use the new ring. The poll makes up for a failure.
        await watcher.refresh().catch((error: unknown) => log.warn({ err: error }, 'not refreshed'));
        const view: ReplicaWeightView = { replicas: [name], weight };
        return view;
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

/** @throws {Problem} if the body of a call is not such as `{"weight":3}`. */
function weightIn(body: unknown): number {
  const weight = typeof body === 'object' && body !== null && 'weight' in body ? body.weight : undefined;
  const fault = weightFault(weight);
  if (fault === undefined && typeof weight === 'number') return weight;
  throw new Problem('request_malformed', `The body must be such as {"weight":3}; the weight ${fault}.`);
}

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
