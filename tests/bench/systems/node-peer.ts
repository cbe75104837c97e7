import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../chaos/free-port.ts';
import { startProgram } from '../../chaos/program.ts';
import { startStore } from '../servers/start.ts';
import type { Store } from '../servers/start.ts';
import type { ServerName } from '../servers/servers.ts';
import { startWorkers } from './workers.ts';
import type { System } from './system.ts';

const gatewayMain = fileURLToPath(new URL('../peers/gateway.ts', import.meta.url));
const workerMain = fileURLToPath(new URL('../peers/worker.ts', import.meta.url));

const needs: Readonly<Record<Store, readonly ServerName[]>> = {
  redis: ['redis-server'],
  nats: ['nats-server'],
  rabbitmq: ['rabbitmq-server', 'epmd'],
};

export interface NodePeer {
  readonly name: string;
  readonly title: string;
  readonly durable: boolean;
  readonly settings: string;
  readonly store: Store;
  /** The name of its file in `peers/`. */
  readonly file: string;
}

/** @returns a peer with a Fastify gateway, its server and Node.js workers. */
export function nodePeer({ name, title, durable, settings, store: kind, file }: NodePeer): System {
  return {
    name,
    title,
    durable,
    settings,
    needs: needs[kind],
    start: async (site) => {
      const { folder, executions, workers } = site;
      const closing = new AsyncDisposableStack();
      try {
        const store = await startStore(kind, folder);
        closing.defer(() => store.stop());
        const env = {
          BENCH_PEER: new URL(`../peers/${file}`, import.meta.url).href,
          BENCH_STORE: store.url,
          ...site.env,
        };
        const port = await freePort();
        // The gateway starts first, since some peers create their queue there.
        const gateway = await startProgram({
          command: process.execPath,
          args: [gatewayMain],
          env: { ...env, PORT: String(port) },
          cwd: folder,
          logFile: join(folder, 'gateway.log'),
          ready: /^ready/,
        });
        closing.defer(() => gateway.end());
        closing.defer(await startWorkers(site, workerMain, () => env));
        await executions.untilConnected(workers);
        return {
          urls: [`http://127.0.0.1:${port}`],
          parts: [
            { role: 'gateway', pid: gateway.pid },
            { role: 'store', pid: store.pid },
          ],
          ...(kind === 'redis' && { redisUrl: store.url }),
          stop: () => closing.disposeAsync(),
        };
      } catch (error) {
        await closing.disposeAsync();
        throw error;
      }
    },
  };
}
