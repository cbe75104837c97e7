import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../chaos/free-port.ts';
import { startProgram } from '../../chaos/program.ts';
import { startRedis } from '../servers/redis.ts';
import type { Site, System } from './system.ts';

const gatewayMain = fileURLToPath(new URL('../../../gateway/main.ts', import.meta.url));
const handler = fileURLToPath(new URL('../work/handler.ts', import.meta.url));
const graceMs = 15_000;

/** ringpost as `npm start` runs it: one gateway with its controller, and its workers. */
function ringpost(name: string, title: string, settings: string, env: NodeJS.ProcessEnv): System {
  return {
    name,
    title,
    durable: true,
    settings,
    needs: ['redis-server'],
    start: async ({ folder, executions, workers, env: siteEnv }: Site) => {
      const closing = new AsyncDisposableStack();
      try {
        const redis = await startRedis(folder);
        closing.defer(() => redis.stop());
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
            ...siteEnv,
            ...env,
          },
          cwd: folder,
          logFile: join(folder, 'gateway.log'),
          ready: /^ringpost ready/,
        });
        closing.defer(async () => void (await gateway.stop({ graceMs })));
        await executions.untilThere(workers);
        return {
          url: `http://127.0.0.1:${port}`,
          parts: [
            { role: 'gateway', pid: gateway.pid },
            { role: 'store', pid: redis.pid },
          ],
          redisUrl: redis.url,
          stop: () => closing.disposeAsync(),
        };
      } catch (error) {
        await closing.disposeAsync();
        throw error;
      }
    },
  };
}

export const ringpostDefault = ringpost(
  'ringpost',
  'ringpost as it comes',
  'No setting but the handler.',
  {},
);

export const ringpostStock = ringpost(
  'ringpost-stock',
  "ringpost with BullMQ's own Worker",
  '`CONSUMER=stock`.',
  { CONSUMER: 'stock' },
);
