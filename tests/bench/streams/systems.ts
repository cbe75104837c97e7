import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../chaos/free-port.ts';
import { startProgram } from '../../chaos/program.ts';
import type { Part } from '../measure/cpu.ts';
import { startRedis } from '../servers/redis.ts';
import { Probes, probeSettings } from './probes.ts';

const ownGateway = fileURLToPath(new URL('../../../gateway/main.ts', import.meta.url));
const proxyMain = fileURLToPath(new URL('../peers/streaming-proxy.ts', import.meta.url));
const graceMs = 15_000;
const startMs = 60_000;

export interface Site {
  /** For its data and logs. */
  readonly folder: string;
  /** The URL of the upstream that does the work. */
  readonly upstream: string;
  readonly workers: number;
}

/** A running system that passes streams on. */
export interface Running {
  readonly url: string;
  readonly parts: readonly Part[];
  readonly probes: Probes;
  /** Its Redis, if it has one. */
  readonly redisUrl?: string;
  /** Resolves when all its processes have ended. */
  stop(): Promise<void>;
}

export interface StreamSystem {
  readonly name: string;
  readonly title: string;
  start(site: Site): Promise<Running>;
}

/** Starts something, and undoes what was started if it fails. */
async function started(start: (closing: AsyncDisposableStack) => Promise<Omit<Running, 'stop'>>) {
  const closing = new AsyncDisposableStack();
  try {
    return { ...(await start(closing)), stop: () => closing.disposeAsync() };
  } catch (error) {
    await closing.disposeAsync();
    throw error;
  }
}

/** @param gatewayMain the program of the gateway; it may be of another version */
export function ringpost(name: string, title: string, gatewayMain = ownGateway): StreamSystem {
  return {
    name,
    title,
    start: ({ folder, upstream, workers }) =>
      started(async (closing) => {
        const probeFolder = join(folder, 'p');
        await mkdir(probeFolder);
        const redis = await startRedis(folder);
        closing.defer(() => redis.stop());
        const port = String(await freePort());
        const url = `http://127.0.0.1:${port}`;
        const gateway = await startProgram({
          command: process.execPath,
          args: [gatewayMain],
          env: {
            ...probeSettings(probeFolder),
            REDIS_URL: redis.url,
            PORT: port,
            REPLICAS: String(workers),
            UPSTREAM: upstream,
          },
          cwd: folder,
          logFile: join(folder, 'gateway.log'),
          ready: /^ringpost ready/,
        });
        closing.defer(async () => void (await gateway.stop({ graceMs })));
        await untilInRing(url, workers);
        const probes = await Probes.in(probeFolder);
        return {
          url,
          probes,
          parts: [...probes.all, { role: 'store', pid: redis.pid }],
          redisUrl: redis.url,
        };
      }),
  };
}

export const proxy: StreamSystem = {
  name: 'proxy',
  title: 'plain proxy: Fastify and undici',
  start: ({ folder, upstream }) =>
    started(async (closing) => {
      const probeFolder = join(folder, 'p');
      await mkdir(probeFolder);
      const port = String(await freePort());
      const program = await startProgram({
        command: process.execPath,
        args: [proxyMain],
        env: { ...probeSettings(probeFolder), PORT: port, BENCH_UPSTREAM: upstream },
        cwd: folder,
        logFile: join(folder, 'proxy.log'),
        ready: /^ready/,
      });
      closing.defer(() => program.end());
      const probes = await Probes.in(probeFolder);
      return { url: `http://127.0.0.1:${port}`, probes, parts: [...probes.all] };
    }),
};

/** @throws Error if the gateway does not have that many replicas in its ring in time. */
async function untilInRing(url: string, replicas: number): Promise<void> {
  for (let waited = 0; waited < startMs; waited += 50) {
    const answer = await fetch(`${url}/-/ready`);
    // health.ts answers this.
    const { replicas: ready = [] } = (await answer.json()) as { replicas?: string[] };
    if (ready.length === replicas) return;
    await delay(50);
  }
  throw new Error(`${url} does not have ${replicas} replicas`);
}
