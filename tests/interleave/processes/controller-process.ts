import type { Logger } from '#shared/process/logger.ts';
import { openConnection } from '#shared/store/redis/connection.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { HeirStore } from '#shared/store/ring/heir-store.ts';
import { ReplicaObserver } from '#shared/store/ring/replica-observer.ts';
import { openTrace } from '#shared/store/trace/open-trace.ts';
import { RingStore } from '#shared/store/ring/ring-store.ts';
import { Reconciler } from '../../../gateway/controller/reconciler.ts';
import type { Driver } from '../../../gateway/drivers/driver.ts';
import { randomName } from '../../../gateway/ring/random-name.ts';
import type { GatewayConfig } from '../../../gateway/settings/config.ts';

export interface RunningController {
  readonly ready: Promise<void>;
  /** Has a replica finish what it holds and go. */
  remove(replica: string): Promise<void>;
}

/** Composes and starts a controller, as `createController` does. */
export function startController(
  config: GatewayConfig,
  name: string,
  createDriver: (onChange: () => void) => Driver,
  log: Logger,
): RunningController {
  const { namespace } = config;
  const trace = openTrace(config.protocolTrace, 'controller', name);
  const open = (use: string): Connection =>
    openConnection(
      { url: 'redis://sim', namespace, name: `controller:${name}:${use}`, use: 'patient', trace },
      log,
    );
  const connection = open('commands');
  const store = new RingStore(connection, log);
  const heirs = new HeirStore(connection, store, log);
  const reconciler: Reconciler = new Reconciler({
    connection,
    changes: open('changes'),
    store,
    heirs,
    observer: new ReplicaObserver(connection, heirs),
    driver: createDriver(() => reconciler.wake()),
    log,
    controller: name,
    parameters: config.ring,
    replicas: config.replicas,
    upstreams: [],
    maxReplicas: config.maxReplicas,
    newName: config.respawn === 'new' ? randomName : undefined,
    failoverMs: config.failoverMs,
    slowStartMs: config.slowStartMs,
    startTimeoutMs: config.startTimeoutMs,
    sleepAfterMs: config.sleepAfterMs,
    drainTimeoutMs: config.drainTimeoutMs,
    retireMs: config.drainTimeoutMs,
    rolloutsAtOnce: 1,
    leaseMs: config.leaseMs,
    leaveAfterMs: undefined,
    outliers: undefined,
  });
  const start = async (): Promise<void> => {
    await connection.whenReady();
    await clockOf(connection).measure();
    await store.claimParameters(config.ring);
    await reconciler.start();
  };
  return {
    ready: start(),
    remove: async (replica) => {
      await store.changeDesired(({ desired }) =>
        desired.some(({ name: each }) => each === replica) ? { add: [], remove: [replica] } : undefined,
      );
    },
  };
}
