import { writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../chaos/free-port.ts';
import { startProgram } from '../../chaos/program.ts';
import { lackOfSettings } from '../../fixtures/known-settings.ts';
import { processorTimes, withDescendants } from '../measure/cpu.ts';
import type { Part, Role } from '../measure/cpu.ts';
import { startRedis } from '../servers/redis.ts';
import { untilListening } from '../servers/running-server.ts';
import { findServer, server } from '../servers/servers.ts';
import type { ServerName } from '../servers/servers.ts';
import { slots } from './plan.ts';

const gatewayMain = fileURLToPath(new URL('../../../gateway/main.ts', import.meta.url));
const graceMs = 15_000;
const startMs = 60_000;

/** The names of the systems, in the order of their turns. */
export const systemNames = ['strict', 'loose', 'haproxy', 'haproxy-maxconn', 'nginx'] as const;
export type SystemName = (typeof systemNames)[number];

export interface Site {
  /** For its data and logs. */
  readonly folder: string;
  /** The ports of the servers. */
  readonly ports: readonly number[];
  /** Settings of ringpost, in addition to those of the bench. */
  readonly settings: NodeJS.ProcessEnv;
}

/** A system in front of the servers. */
export interface Running {
  readonly url: string;
  /** @returns the processor time of each role so far, in µs. */
  cpu(): Promise<ReadonlyMap<Role, number>>;
  stop(): Promise<void>;
}

export interface LoadSystem {
  readonly title: string;
  /** @returns why it cannot be measured here; undefined if it can. */
  missing(): string | undefined;
  start(site: Site): Promise<Running>;
}

/** Starts something, and undoes what was started if that fails. */
async function started(
  start: (closing: AsyncDisposableStack) => Promise<Omit<Running, 'stop'>>,
): Promise<Running> {
  const closing = new AsyncDisposableStack();
  try {
    return { ...(await start(closing)), stop: () => closing.disposeAsync() };
  } catch (error) {
    await closing.disposeAsync();
    throw error;
  }
}

function ringpost(title: string, own: NodeJS.ProcessEnv): LoadSystem {
  return {
    title,
    missing: () => lackOfSettings(Object.keys(own)),
    start: ({ folder, ports, settings }) =>
      started(async (closing) => {
        const redis = await startRedis(folder);
        closing.defer(() => redis.stop());
        const port = await freePort();
        const url = `http://127.0.0.1:${port}`;
        const gateway = await startProgram({
          command: process.execPath,
          args: [gatewayMain],
          env: {
            REDIS_URL: redis.url,
            PORT: String(port),
            REPLICAS: String(ports.length),
            UPSTREAMS: ports.map((each) => `http://127.0.0.1:${each}`).join(','),
            CONCURRENCY: String(slots),
            QUEUE_LIMIT: '100000',
            REPLY_TIMEOUT_MS: '120000',
            ...own,
            ...settings,
          },
          cwd: folder,
          logFile: join(folder, 'gateway.log'),
          ready: /^ringpost ready/,
        });
        closing.defer(async () => void (await gateway.stop({ graceMs })));
        await untilInRing(url, ports.length);
        const parts: Part[] = [
          { role: 'gateway', pid: gateway.pid },
          { role: 'store', pid: redis.pid },
        ];
        return {
          url,
          cpu: async () => {
            // All that the gateway starts are workers.
            const [, ...workers] = await withDescendants(gateway.pid);
            return processorTimes(parts, workers);
          },
        };
      }),
  };
}

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

function proxy(
  name: ServerName,
  title: string,
  argsWith: (file: string, folder: string) => readonly string[],
  configuration: (port: number, ports: readonly number[], folder: string) => string,
): LoadSystem {
  return {
    title,
    missing: () => (findServer(name) === undefined ? `${name} is not installed` : undefined),
    start: ({ folder, ports }) =>
      started(async (closing) => {
        const port = await freePort();
        const file = join(folder, `${name}.conf`);
        await writeFile(file, configuration(port, ports, folder));
        const program = await startProgram({
          command: server(name),
          args: argsWith(file, folder),
          env: {},
          cwd: folder,
          logFile: join(folder, `${name}.log`),
        });
        closing.defer(() => program.end());
        await untilListening(port);
        return {
          url: `http://127.0.0.1:${port}`,
          cpu: () => processorTimes([{ role: 'proxy', pid: program.pid }], []),
        };
      }),
  };
}

/** @param maxconn what each server has besides its address. */
const haproxy = (title: string, maxconn: string): LoadSystem =>
  proxy(
    'haproxy',
    title,
    (file) => ['-db', '-f', file],
    (port, ports) => `global
  maxconn 8000
defaults
  mode http
  timeout connect 5s
  timeout client 120s
  timeout server 120s
  timeout queue 120s
  http-reuse always
frontend clients
  bind 127.0.0.1:${port}
  default_backend servers
backend servers
  balance hdr(Ringpost-Key)
  hash-type consistent
  hash-balance-factor 150
${ports.map((each, at) => `  server S${at + 1} 127.0.0.1:${each}${maxconn}`).join('\n')}
`,
  );

const nginx = proxy(
  'nginx',
  'nginx',
  (file, folder) => ['-c', file, '-p', folder, '-e', join(folder, 'nginx-error.log')],
  (port, ports, folder) => `daemon off;
user ${userInfo().username};
worker_processes auto;
pid ${join(folder, 'nginx.pid')};
events { worker_connections 8192; }
http {
  access_log off;
${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((each) => `  ${each}_temp_path ${join(folder, each)};`).join('\n')}
  upstream servers {
    hash $http_ringpost_key consistent;
${ports.map((each) => `    server 127.0.0.1:${each} max_fails=0;`).join('\n')}
    keepalive 128;
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    keepalive_requests 100000000;
    location / {
      proxy_pass http://servers;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_read_timeout 120s;
    }
  }
}
`,
);

export const systems: Readonly<Record<SystemName, LoadSystem>> = {
  strict: ringpost('ringpost, strict', {}),
  loose: ringpost('ringpost, loose', { AFFINITY: 'loose' }),
  haproxy: haproxy('HAProxy', ''),
  'haproxy-maxconn': haproxy('HAProxy, maxconn', ` maxconn ${slots}`),
  nginx,
};
