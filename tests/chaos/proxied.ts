import { mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findOnPath } from '#shared/tethered.ts';
import { freePort } from './free-port.ts';
import { startProgram } from './program.ts';
import type { Program } from './program.ts';
import type { Workshop } from './workshop.ts';

/** A server behind a proxy. */
export interface Upstream {
  readonly name: string;
  readonly port: number;
}

/** A proxy that can stand where our gateways stand. */
export interface Proxy {
  readonly name: string;
  /** How it was told to behave, in a few words. */
  readonly told: string;
  /** @returns its configuration, with all its files in the folder. */
  configuration(port: number, upstreams: readonly Upstream[], folder: string): string;
  /** @returns the arguments that make it run in the foreground with that file. */
  args(file: string, folder: string): string[];
}

const superUserPath = '/usr/local/sbin:/usr/sbin:/sbin';

/** @returns the proxy's binary, or undefined where it is not installed. */
export function binaryOf({ name }: Proxy): string | undefined {
  return findOnPath(name, `${process.env['PATH'] ?? ''}:${superUserPath}`);
}

export const haproxy: Proxy = {
  name: 'haproxy',
  told:
    '`balance hdr(ringpost-key)`, `hash-type consistent`, health checks every 200 ms, `option redispatch 1`, ' +
    '`retry-on conn-failure empty-response` with `disable-l7-retry` for POST',
  configuration: (port, upstreams) => `global
  maxconn 2000
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  retries 3
  option redispatch 1
frontend clients
  bind 127.0.0.1:${port}
  default_backend ledger
backend ledger
  balance hdr(ringpost-key)
  hash-type consistent
  http-reuse safe
  option httpchk GET /-/live
  http-request disable-l7-retry if METH_POST
  retry-on conn-failure empty-response
  default-server check inter 200ms fastinter 100ms fall 2 rise 1 observe layer4 on-error mark-down error-limit 3
${upstreams.map((upstream) => `  server ${upstream.name} 127.0.0.1:${upstream.port}`).join('\n')}
`,
  args: (file) => ['-db', '-f', file],
};

export const nginx: Proxy = {
  name: 'nginx',
  told:
    '`hash $http_ringpost_key consistent`, `keepalive`, `max_fails=1 fail_timeout=1s`, ' +
    '`proxy_next_upstream error timeout` (without `non_idempotent`)',
  configuration: (port, upstreams, folder) => `daemon off;
user ${userInfo().username};
worker_processes 2;
pid ${join(folder, 'nginx.pid')};
events { worker_connections 2048; }
http {
  access_log off;
  client_body_temp_path ${join(folder, 'body')};
  proxy_temp_path ${join(folder, 'proxy')};
  fastcgi_temp_path ${join(folder, 'fastcgi')};
  uwsgi_temp_path ${join(folder, 'uwsgi')};
  scgi_temp_path ${join(folder, 'scgi')};
  upstream ledger {
    hash $http_ringpost_key consistent;
${upstreams.map((upstream) => `    server 127.0.0.1:${upstream.port} max_fails=1 fail_timeout=1s;`).join('\n')}
    keepalive 64;
  }
  server {
    listen 127.0.0.1:${port};
    keepalive_requests 1000000;
    location / {
      proxy_pass http://ledger;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_next_upstream error timeout;
      proxy_connect_timeout 1s;
      proxy_read_timeout 60s;
    }
  }
}
`,
  args: (file, folder) => ['-c', file, '-p', folder, '-e', join(folder, 'nginx-error.log')],
};

const serverMain = fileURLToPath(new URL('ledger-server.ts', import.meta.url));

/** A proxy with servers behind it that do the replicas' work. */
export class Proxied {
  readonly url: string;
  readonly ledgerDirectory: string;
  readonly upstreams: readonly Upstream[];
  readonly #workshop: Workshop;
  readonly #folder: string;
  readonly #servers = new Map<string, Program>();
  #proxy: Program | undefined;

  private constructor(workshop: Workshop, folder: string, port: number, upstreams: readonly Upstream[]) {
    this.#workshop = workshop;
    this.#folder = folder;
    this.url = `http://127.0.0.1:${port}`;
    this.ledgerDirectory = join(folder, 'ledger');
    this.upstreams = upstreams;
  }

  /** @returns when the proxy answers. */
  static async start(workshop: Workshop, folder: string, proxy: Proxy, count: number): Promise<Proxied> {
    const binary = binaryOf(proxy);
    if (binary === undefined) throw new Error(`${proxy.name} is not installed`);
    const port = await freePort();
    const upstreams = await Promise.all(
      Array.from({ length: count }, async (_, at) => ({ name: `S${at + 1}`, port: await freePort() })),
    );
    const proxied = new Proxied(workshop, folder, port, upstreams);
    await mkdir(proxied.ledgerDirectory, { recursive: true });
    try {
      await Promise.all(upstreams.map((upstream) => proxied.#serve(upstream)));
      const file = join(folder, `${proxy.name}.conf`);
      await writeFile(file, proxy.configuration(port, upstreams, folder));
      proxied.#proxy = await startProgram({
        command: binary,
        args: proxy.args(file, folder),
        env: {},
        cwd: workshop.folder,
        logFile: join(folder, `${proxy.name}.log`),
      });
      return proxied;
    } catch (error) {
      await proxied.stop();
      throw error;
    }
  }

  /** kill -9 of a server, which is started again at once; resolves when it listens. */
  async killAndReplace(upstream: Upstream): Promise<void> {
    await this.#servers.get(upstream.name)?.end();
    await this.#serve(upstream);
  }

  async stop(): Promise<void> {
    await this.#proxy?.end();
    await Promise.all([...this.#servers.values()].map((server) => server.end()));
    await this.#workshop.untilNothingRuns();
  }

  async #serve({ name, port }: Upstream): Promise<void> {
    const server = await startProgram({
      command: process.execPath,
      args: [serverMain],
      env: { PORT: String(port), REPLICA: name, LEDGER_DIRECTORY: this.ledgerDirectory },
      cwd: this.#workshop.folder,
      logFile: join(this.#folder, `${name}.log`),
      ready: /^ledger server ready/,
    });
    this.#servers.set(name, server);
  }
}
