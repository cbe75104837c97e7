import { userInfo } from 'node:os';
import { join } from 'node:path';
import { findOnPath } from '#shared/process/tethered.ts';

/** A server behind a proxy. */
export interface Upstream {
  readonly name: string;
  readonly port: number;
}

/** A proxy that can take the place of ringpost's gateways. */
export interface Proxy {
  readonly name: string;
  /** Its relevant settings, in a few words. */
  readonly settings: string;
  /** @returns its configuration. All its files are in the folder. */
  configuration(port: number, upstreams: readonly Upstream[], folder: string): string;
  /** @returns the arguments to run it in the foreground with this configuration file. */
  args(file: string, folder: string): string[];
}

const superUserPath = '/usr/local/sbin:/usr/sbin:/sbin';

/** @returns the path of the proxy's binary; undefined if it is not installed. */
export function binaryOf({ name }: Proxy): string | undefined {
  return findOnPath(name, `${process.env['PATH'] ?? ''}:${superUserPath}`);
}

export const haproxy: Proxy = {
  name: 'haproxy',
  settings:
    '`balance hdr(ringpost-key)`, `hash-type consistent`, health checks every 200 ms, ' +
    '`option redispatch 1`, `retry-on conn-failure empty-response` with `disable-l7-retry` for POST',
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
  settings:
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
${upstreams.map(({ port: at }) => `    server 127.0.0.1:${at} max_fails=1 fail_timeout=1s;`).join('\n')}
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
