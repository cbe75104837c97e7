import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../chaos/free-port.ts';
import { startProgram } from '../../chaos/program.ts';
import type { Part } from '../measure/cpu.ts';
import { startRedis } from '../servers/redis.ts';
import type { Aof } from '../servers/redis.ts';
import type { Site, System } from './system.ts';

const thisCheckout = fileURLToPath(new URL('../../../', import.meta.url));
const handler = fileURLToPath(new URL('../workload/handler.ts', import.meta.url));
const graceMs = 15_000;

interface RingpostOptions {
  readonly name: string;
  readonly title: string;
  readonly settings: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly gateways?: number;
  readonly aof?: Aof;
  /** The folder of the checkout to run, instead of this one. */
  readonly checkout?: string;
}

/** Ringpost as `npm start` runs it: a gateway with its controller and workers, and possibly more gateways. */
export function ringpost(options: RingpostOptions): System {
  const {
    name,
    title,
    settings,
    env = {},
    gateways = 1,
    aof = 'everysec',
    checkout = thisCheckout,
  } = options;
  const gatewayMain = join(checkout, 'gateway/main.ts');
  return {
    name,
    title,
    durable: true,
    settings,
    needs: ['redis-server'],
    start: async (site: Site) => {
      const { folder, executions, workers } = site;
      const closing = new AsyncDisposableStack();
      try {
        const redis = await startRedis(folder, aof);
        closing.defer(() => redis.stop());
        const urls: string[] = [];
        const parts: Part[] = [{ role: 'store', pid: redis.pid }];
        for (let at = 0; at < gateways; at += 1) {
          const port = await freePort();
          const gateway = await startProgram({
            command: process.execPath,
            args: [gatewayMain],
            env: {
              REDIS_URL: redis.url,
              PORT: String(port),
              REPLICAS: String(workers),
              HANDLER: handler,
              BENCH_EXECUTIONS: executions.path,
              ...(at > 0 && { ROLE: 'gateway' }),
              ...site.env,
              ...env,
            },
            cwd: folder,
            logFile: join(folder, `gateway-${at + 1}.log`),
            ready: /^ringpost (gateway )?(ready|listens)/,
          });
          closing.defer(async () => void (await gateway.stop({ graceMs })));
          urls.push(`http://127.0.0.1:${port}`);
          parts.push({ role: 'gateway', pid: gateway.pid });
        }
        await executions.untilConnected(workers);
        for (const url of urls) await untilInRing(url, workers);
        return { urls, parts, redisUrl: redis.url, stop: () => closing.disposeAsync() };
      } catch (error) {
        await closing.disposeAsync();
        throw error;
      }
    },
  };
}

/** @throws Error if a gateway does not have that many replicas in its ring within a minute. */
async function untilInRing(url: string, replicas: number): Promise<void> {
  for (let waited = 0; waited < 60_000; waited += 50) {
    const answer = await fetch(`${url}/-/ready`);
    // health.ts answers this.
    const { replicas: ready = [] } = (await answer.json()) as { replicas?: string[] };
    if (ready.length === replicas) return;
    await delay(50);
  }
  throw new Error(`${url} does not have ${replicas} replicas`);
}

/**
 * Ringpost with default settings.
 * @param checkout the folder of the checkout to run; undefined: this one
 */
export const ringpostOf = (checkout?: string): System =>
  ringpost({
    name: 'ringpost',
    title: 'ringpost with default settings',
    settings: 'Only the handler is set, a fetch-style function.',
    ...(checkout !== undefined && { checkout }),
  });

export const ringpostDefault = ringpostOf();

/** @param checkout the folder of the checkout of an earlier version */
export const ringpostBefore = (checkout: string): System =>
  ringpost({
    name: 'ringpost-before',
    title: 'ringpost of another checkout',
    settings: 'As `ringpost`.',
    checkout,
  });

export const ringpostStock = ringpost({
  name: 'ringpost-stock',
  title: "ringpost with BullMQ's own Worker",
  settings: '`CONSUMER=stock`.',
  env: { CONSUMER: 'stock' },
});

export const ringpostObserved = ringpost({
  name: 'ringpost-observed',
  title: 'ringpost with an access log',
  settings: '`ACCESS_LOG=json`.',
  env: { ACCESS_LOG: 'json' },
});
