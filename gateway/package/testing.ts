import { randomUUID } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RingpostClient } from '#shared/client/client.ts';
import { commonSettings, handlerSettings } from '#shared/settings/common.ts';
import { HostedGateway } from './gateway.ts';
import { createWorker } from './index.ts';
import type { GatewaySettings, Handler, RingpostWorker } from './index.ts';

export interface RingpostOptions {
  /**
   * A file, relative to the working directory or a `file:` URL, which processes of its own run, as in
   * production. Or a handler itself, which runs in this process: faster to start and easy to debug, but all
   * replicas then share its variables. Left out: `settings` says what the replicas run.
   */
  readonly handler?: string | URL | Handler | undefined;
  /** How many replicas; 2 by default. */
  readonly replicas?: number | undefined;
  /** Other settings, by the names that docs/settings.md lists. */
  readonly settings?: Omit<GatewaySettings, 'HANDLER' | 'REPLICAS' | 'ROLE'> | undefined;
}

/** A system of a test's own. */
export interface TestRingpost {
  /** Where the gateway listens, e.g. `http://127.0.0.1:41234`. */
  readonly url: string;
  readonly client: RingpostClient;
  /** Sends a request through the gateway. @param path e.g. `/report?x=1`. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Ends all processes, and deletes all data. Safe to call again. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a gateway on a free port, replicas and a private Redis, in a temporary folder. It needs
 * `redis-server` or `valkey-server` on the `PATH`. All its processes end with this one, however that ends.
 * @returns when all replicas take requests.
 * @throws {SettingsError} for faulty settings, and {Error} if a replica does not start.
 */
export async function startRingpost(options: RingpostOptions = {}): Promise<TestRingpost> {
  const { handler, replicas = 2, settings = {} } = options;
  const folder = join(tmpdir(), `ringpost-test-${randomUUID()}`);
  const workers: RingpostWorker[] = [];
  const isHere = isHandler(handler);
  const gateway = new HostedGateway(
    {
      PORT: 0,
      ...settings,
      REPLICAS: replicas,
      ...(isHere ? { REPLICA_DRIVER: 'none' } : {}),
      ...(handler === undefined || isHere ? {} : { HANDLER: fileOf(handler) }),
    },
    { folder, compileCache: await compileCache(), beforeRedisStops: () => stopAll(workers) },
  );
  await mkdir(folder, { mode: 0o700 });
  const removeNow = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeNow);
  const stop = async (): Promise<void> => {
    await gateway.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    process.off('exit', removeNow);
  };
  try {
    await gateway.listen();
    const { workerRedisUrl: REDIS_URL, names } = gateway;
    if (isHere)
      for (const REPLICA of names)
        workers.push(createWorker({ ...sharedSettings(settings), REDIS_URL, REPLICA }, handler));
    await Promise.all(workers.map((worker) => worker.start()));
    const { missing } = await gateway.start();
    if (missing.length > 0) throw new Error(`these replicas did not start: ${missing.join(' ')}`);
  } catch (error) {
    await stop();
    throw error;
  }
  const { url } = gateway;
  return {
    url,
    client: new RingpostClient(url),
    fetch: (path, init) => fetch(new URL(path, url), init),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** @returns where compiled code is kept from one test to the next; undefined if it is not kept. */
async function compileCache(): Promise<string | undefined> {
  const modules = resolve('node_modules');
  if (!existsSync(modules)) return undefined;
  const folder = join(modules, '.cache', 'ringpost');
  return mkdir(folder, { recursive: true }).then(
    () => join(folder, 'compile-cache'),
    () => undefined,
  );
}

function isHandler(handler: RingpostOptions['handler']): handler is Handler {
  return handler !== undefined && typeof handler !== 'string' && !(handler instanceof URL);
}

const fileOf = (handler: string | URL): string => (handler instanceof URL ? fileURLToPath(handler) : handler);

/** @returns the settings that a gateway shares with a worker whose handler is given. */
function sharedSettings(settings: object): object {
  const others: ReadonlySet<string> = new Set(handlerSettings);
  const names = Object.keys(commonSettings).filter((name) => !others.has(name));
  return Object.fromEntries(Object.entries(settings).filter(([name]) => names.includes(name)));
}

async function stopAll(workers: readonly RingpostWorker[]): Promise<void> {
  await Promise.all(workers.map((worker) => worker.stop()));
}
