import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { isAlive } from '../fixtures/command.ts';
import { nginx } from '../fixtures/programs.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

const config = `
daemon off;
worker_processes 2;
error_log stderr;
pid @FOLDER@/@PORT@.pid;
events {}
http {
  access_log off;
  client_body_temp_path @FOLDER@/body;
  proxy_temp_path @FOLDER@/proxy;
  fastcgi_temp_path @FOLDER@/fastcgi;
  uwsgi_temp_path @FOLDER@/uwsgi;
  scgi_temp_path @FOLDER@/scgi;
  server {
    listen 127.0.0.1:@PORT@;
    root @FOLDER@;
    location /where { return 200 "@REPLICA@ $pid $host $http_x_forwarded_proto $request_uri"; }
    location /empty { return 204; }
  }
}`;

interface Where {
  readonly replica: string;
  /** Of the process that answered, a child of the program. */
  readonly pid: number;
  readonly rest: string;
}

async function where(url: string, key: string): Promise<Where> {
  const response = await fetch(`${url}/where?${key}`, { headers: { 'ringpost-key': key } });
  const [replica = '', pid = '', ...rest] = (await response.text()).split(' ');
  expect([response.status, response.headers.get('ringpost-replica')]).toEqual([200, replica]);
  return { replica, pid: Number(pid), rest: rest.join(' ') };
}

// `npm test` says at its end that it could not run.
it.skipIf(nginx === undefined)(
  'an nginx serves each replica, and all its processes end with it',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ringpost-nginx-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    // If root starts nginx, its workers run as another user.
    await chmod(folder, 0o755);
    await writeFile(join(folder, 'template'), config);
    await writeFile(join(folder, 'large.txt'), 'x'.repeat(300_000));
    const COMMAND =
      `sed "s#@FOLDER@#${folder}#; s/@PORT@/$PORT/; s/@REPLICA@/$REPLICA/" ${folder}/template ` +
      `> ${folder}/$PORT.conf && exec ${nginx} -e stderr -c ${folder}/$PORT.conf`;
    const current = system();
    const started = await current.start({
      REPLICAS: '2',
      COMMAND,
      COMMAND_READY: '/empty',
      START_TIMEOUT_MS: '60000',
    });
    const { url } = started;
    const seen = new Map<string, Where>();
    for (let key = 0; key < 16; key += 1) {
      const found = await where(url, `k${key}`);
      expect(found.rest).toBe(`127.0.0.1 http /where?k${key}`);
      seen.set(found.replica, found);
    }
    expect([...seen.keys()].toSorted()).toEqual(['S1', 'S2']);
    const large = await fetch(`${url}/large.txt`);
    expect([large.status, (await large.text()).length]).toEqual([200, 300_000]);
    expect((await fetch(`${url}/nothing`)).status).toBe(404);
    expect((await fetch(`${url}/large.txt`, { method: 'POST', body: 'x' })).status).toBe(405);

    await started.stop();
    for (const { pid } of seen.values()) expect(await isAlive(pid)).toBe(false);
  },
);
