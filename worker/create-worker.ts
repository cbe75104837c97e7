import { handlerSettings } from '#shared/settings/common.ts';
import { asEnvironment } from '#shared/settings/given-settings.ts';
import type { GivenSettings } from '#shared/settings/given-settings.ts';
import { loadWorkerConfig, workerSettings } from './config.ts';
import type { Handler } from './handlers/user-handler.ts';
import { HostedWorker } from './hosted-worker.ts';
import type { WorkerEnd } from './hosted-worker.ts';

/** Settings that only a worker in a process of its own has. Its controller gives it the generation. */
const otherSettings = [...handlerSettings, 'GENERATION'] as const;

type OtherSetting = (typeof otherSettings)[number];

type Settings = GivenSettings<typeof workerSettings>;

/** The settings of a worker, by the names that docs/settings.md lists. Numbers may be numbers. */
export type WorkerSettings = Omit<Settings, OtherSetting | 'REDIS_URL' | 'REPLICA' | 'REPLICA_JOIN'> & {
  readonly REDIS_URL: string;
} & (
    | {
        /** The replica that it runs. */
        readonly REPLICA: string;
        readonly REPLICA_JOIN?: 'manual' | 'auto';
      }
    | {
        /** The replica that it runs; by default it has the name of its host. */
        readonly REPLICA?: string;
        readonly REPLICA_JOIN: 'auto';
      }
  );

/** The worker of one replica, in this process. */
export interface RingpostWorker {
  /** The name of its replica. */
  readonly replica: string;
  /** Resolves when nothing of the worker runs any more, for whatever reason. It never rejects. */
  readonly ended: Promise<WorkerEnd>;
  /**
   * Takes the replica's lease and begins to take jobs. While another worker has the lease, it waits.
   * @returns when it takes jobs. A further call returns the same promise.
   * @throws {Error} if Redis cannot be reached or used, or if the worker ends while it starts.
   */
  start(): Promise<void>;
  /**
   * Takes no more jobs, finishes those that it holds within `DRAIN_TIMEOUT_MS`, and releases the replica.
   * Then it abandons what is left: the signals of those requests fire, and the next worker decides on them.
   * @returns when nothing of it runs. Safe to call again.
   */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Makes the worker of one replica in this process, as `new Worker` of BullMQ does. The gateway has
 * `REPLICA_DRIVER=none`. If the handler blocks the event loop for `HANDLER_STALL_MS`, this process is killed
 * (SIGKILL): only then is it certain that no request runs twice at the same time.
 * @param handler answers the requests. It gets native `Request`s. Its own `close` is not called.
 * @throws {SettingsError} that lists all faults, misspelt names included.
 */
export function createWorker(settings: WorkerSettings, handler: Handler): RingpostWorker {
  const { properties, required } = workerSettings;
  const own = Object.entries(properties).filter(([name]) => !otherSettings.some((other) => other === name));
  const schema = { type: 'object', properties: Object.fromEntries(own), required } as const;
  const config = loadWorkerConfig(asEnvironment(schema, settings));
  return new HostedWorker(config, handler, process.env);
}
