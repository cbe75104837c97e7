import { writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../chaos/free-port.ts';
import { startProgram } from '../../chaos/program.ts';
import { server } from '../servers/servers.ts';
import type { ServerName } from '../servers/servers.ts';
import { startWorkers } from './workers.ts';
import type { System } from './system.ts';

const upstreamMain = fileURLToPath(new URL('../peers/upstream.ts', import.meta.url));
const fastifyMain = fileURLToPath(new URL('../peers/fastify-proxy.ts', import.meta.url));

/** The command that starts a proxy. */
interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

interface ProxyOptions {
  readonly name: string;
  readonly title: string;
  readonly settings: string;
  readonly needs: readonly ServerName[];
  /** Writes the configuration to the folder. */
  prepare(port: number, upstreams: readonly number[], folder: string): Promise<Command>;
}

/** @returns a proxy with plain HTTP servers behind it that do the work. Nothing stores the requests. */
function proxied({ name, title, settings, needs, prepare }: ProxyOptions): System {
  return {
    name,
    title,
    durable: false,
    settings,
    needs,
    start: async (site) => {
      const { folder, executions, workers, env } = site;
      const port = await freePort();
      const upstreams = await Promise.all(Array.from({ length: workers }, freePort));
      const closing = new AsyncDisposableStack();
      try {
        closing.defer(
          await startWorkers(site, upstreamMain, (at) => ({ PORT: String(upstreams[at]), ...env })),
        );
        await executions.untilConnected(workers);
        const { command, args, env: own = {} } = await prepare(port, upstreams, folder);
        const proxy = await startProgram({
          command,
          args,
          env: own,
          cwd: folder,
          logFile: join(folder, `${name}.log`),
        });
        closing.defer(() => proxy.end());
        return {
          urls: [`http://127.0.0.1:${port}`],
          parts: [{ role: 'proxy', pid: proxy.pid }],
          stop: () => closing.disposeAsync(),
        };
      } catch (error) {
        await closing.disposeAsync();
        throw error;
      }
    },
  };
}

export const fastifyProxy = proxied({
  name: 'fastify-undici',
  title: 'plain proxy: Fastify and undici',
  settings: 'A pool of undici for each upstream, 128 keep-alive connections at most, upstreams in turn.',
  needs: [],
  prepare: async (port, upstreams) => ({
    command: process.execPath,
    args: [fastifyMain],
    env: {
      PORT: String(port),
      BENCH_UPSTREAMS: upstreams.map((each) => `http://127.0.0.1:${each}`).join(' '),
    },
  }),
});

export const haproxy = proxied({
  name: 'haproxy',
  title: 'HAProxy',
  settings:
    '`balance roundrobin`, `http-reuse always`, keep-alive on both sides, a thread for each processor.',
  needs: ['haproxy'],
  prepare: async (port, upstreams, folder) => {
    const file = join(folder, 'haproxy.cfg');
    const servers = upstreams.map((each, at) => `  server S${at + 1} 127.0.0.1:${each}`);
    await writeFile(
      file,
      `global
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend clients
  bind 127.0.0.1:${port}
  default_backend workers
backend workers
  balance roundrobin
${servers.join('\n')}
`,
    );
    return { command: server('haproxy'), args: ['-db', '-f', file] };
  },
});

export const nginx = proxied({
  name: 'nginx',
  title: 'nginx',
  settings:
    '`worker_processes auto`, `keepalive 128` to the upstreams, HTTP/1.1 with an empty `Connection`, ' +
    'no access log.',
  needs: ['nginx'],
  prepare: async (port, upstreams, folder) => {
    const file = join(folder, 'nginx.conf');
    const servers = upstreams.map((each) => `    server 127.0.0.1:${each};`);
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (each) => `  ${each}_temp_path ${join(folder, each)};`,
    );
    await writeFile(
      file,
      `daemon off;
user ${userInfo().username};
worker_processes auto;
pid ${join(folder, 'nginx.pid')};
events { worker_connections 4096; }
http {
  access_log off;
${paths.join('\n')}
  upstream workers {
${servers.join('\n')}
    keepalive 128;
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port};
    keepalive_requests 100000000;
    location / {
      proxy_pass http://workers;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`,
    );
    return {
      command: server('nginx'),
      args: ['-c', file, '-p', folder, '-e', join(folder, 'nginx-error.log')],
    };
  },
});
