import type { Logger } from '#shared/process/logger.ts';
import { shownUpstream } from '#shared/settings/upstreams.ts';
import { HeirStore } from '#shared/store/ring/heir-store.ts';
import { warnOfSkew } from '#shared/store/redis/clock-warning.ts';
import { openConnection } from '#shared/store/redis/connection.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { openTrace } from '#shared/store/trace/open-trace.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { ReplicaObserver } from '#shared/store/ring/replica-observer.ts';
import { RingStore } from '#shared/store/ring/ring-store.ts';
import { Autoscaler } from '../autoscale/autoscaler.ts';
import { runsContainers } from '../drivers/driver-kind.ts';
import type { HandlerVersions } from '../drivers/handler-versions.ts';
import { noFigures, ProcessReports } from '../ring/process-reports.ts';
import { randomName } from '../ring/random-name.ts';
import type { GatewayConfig } from '../settings/config.ts';
import { createDriver, retireMs, workersOutlive } from './create-driver.ts';
import { Reconciler } from './reconciler.ts';

/** A running controller and the workers that its driver runs. */
export interface Controller {
  start(): Promise<void>;
  /** Gives the leadership up and ends the workers: each has `DRAIN_TIMEOUT_MS` to finish what it holds. */
  stop(): Promise<void>;
  /**
   * @returns the ids of the requests that its workers run and that a stop waits for; none if Redis is away.
   */
  running(): Promise<readonly string[]>;
}

/**
 * Puts a controller together.
 * @param name this controller's own, unique among all processes that share the Redis.
 * @param env the environment that process workers inherit.
 * @param handler of process workers, if it may be replaced while they run.
 */
export async function createController(
  config: GatewayConfig,
  redisUrl: string,
  name: string,
  env: NodeJS.ProcessEnv,
  log: Logger,
  handler?: HandlerVersions,
): Promise<Controller> {
  const { namespace } = config;
  const trace = openTrace(config.protocolTrace, 'controller', name);
  const open = (what: string): Connection => {
    const use = 'patient';
    return openConnection({ url: redisUrl, namespace, name: `controller:${name}:${what}`, use, trace }, log);
  };
  const connection = open('commands');
  const changes = open('changes');
  const clock = clockOf(connection);
  // A gateway in the same process warns already.
  if (config.role === 'controller') warnOfSkew(clock, log);
  const store = new RingStore(connection, log);
  const heirs = new HeirStore(connection, store, log);
  const observer = new ReplicaObserver(connection, heirs);
  const onChange = (): void => reconciler.wake();
  const workerRedisUrl = config.workerRedisUrl ?? redisUrl;
  const parts = { redisUrl: workerRedisUrl, env, store, onChange, handler, log };
  const driver = await createDriver(config, parts);
  const reconciler: Reconciler = new Reconciler({
    connection,
    changes,
    store,
    heirs,
    observer,
    driver,
    log,
    controller: name,
    parameters: config.ring,
    replicas: config.replicas,
    upstreams: config.upstreams.map(shownUpstream),
    maxReplicas: config.maxReplicas,
    newName: config.respawn === 'new' ? randomName : undefined,
    failoverMs: config.failoverMs,
    slowStartMs: config.slowStartMs,
    startTimeoutMs: config.startTimeoutMs,
    sleepAfterMs: config.sleepAfterMs,
    drainTimeoutMs: config.drainTimeoutMs,
    retireMs: retireMs(config, handler),
    rolloutsAtOnce: handler === undefined ? 1 : 4,
    leaseMs: config.leaseMs,
    leaveAfterMs: config.leaveAfterMs,
    outliers: config.outliers,
  });
  // A gateway in the same process reports both.
  const reports =
    config.role === 'controller'
      ? new ProcessReports({ connection, name, role: 'controller', figures: () => noFigures, log })
      : undefined;
  const autoscaler = new Autoscaler({
    connection,
    store,
    token: () => reconciler.token,
    rule: config.autoscale,
    concurrency: config.concurrency,
    limits: {
      parameters: config.ring,
      maxReplicas: config.maxReplicas,
      containers: runsContainers(config.replicaDriver),
    },
    log,
  });
  handler?.onReplaced(() => reconciler.startAnew());
  return {
    start: async () => {
      await connection.whenReady();
      await clock.measure();
      await store.claimParameters(config.ring);
      await reports?.start();
      await reconciler.start();
      await autoscaler.start();
    },
    stop: async () => {
      // Commands that wait for a Redis that is away would block the stop.
      if (!connection.ready) connection.giveUp();
      await reports?.stop();
      await autoscaler.stop();
      await reconciler.stop();
      connection.close();
      changes.close();
      trace?.close();
    },
    running: async () => {
      if (!connection.ready || workersOutlive(config)) return [];
      return observer.running(new Set(driver.list().map((instance) => instance.name)));
    },
  };
}
