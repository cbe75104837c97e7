import { once } from 'node:events';
import { access, readdir, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, it } from 'vitest';
import { gatewaySettings } from '../../gateway/settings/settings.ts';
import { isAlive, processesIn } from '../fixtures/command.ts';
import { useScratch, whenReady } from '../fixtures/scratch.ts';
import type { ReadyCommand } from '../fixtures/scratch.ts';
import { needsOneServer, openAdmin, testKeys } from '../fixtures/several-servers.ts';

const scratch = useScratch();

const send = (url: string, method: string, body: object): Promise<Response> =>
  fetch(url, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

const replicasAt = async (url: string): Promise<string[]> => {
  const { message } = (await (await fetch(`${url}/rep`)).json()) as { message: { replicas: string[] } };
  return message.replicas;
};

/** @returns the replicas that answer `GET /home`, asked until all wanted ones have answered. */
async function answering(url: string, wanted: readonly string[]): Promise<string[]> {
  const heard = new Set<string>();
  for (let tries = 0; tries < 1000 && heard.size < wanted.length; tries += 1) {
    const response = await fetch(`${url}/home`);
    expect(response.status).toBe(200);
    const replica = response.headers.get('ringpost-replica') ?? '';
    expect(await response.json()).toEqual({
      message: `Hello from Server: ${replica}`,
      status: 'successful',
    });
    heard.add(replica);
  }
  return [...heard].toSorted();
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

/** Queries the Redis of a running system on a connection of its own. */
async function askRedis<T>({ redisUrl }: ReadyCommand, question: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = openAdmin(redisUrl);
  try {
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}

interface Status {
  readonly replicas: readonly { name: string; state: string; generation: number; failures: number }[];
}

const ringAt = async (url: string): Promise<Status> =>
  (await (await fetch(`${url}/-/ring`)).json()) as Status; // routes/ring.ts writes it so

describe('a start without REDIS_URL', () => {
  beforeEach(() => needsOneServer('it is about the private Redis'));

  it('runs a private Redis and three replicas, and prints one line', async () => {
    const { startReady, folder } = await scratch();
    const command = await startReady();
    expect(command.stdout()).toBe(
      `ringpost ready on ${command.url} (replicas S1 S2 S3; ` +
        `Redis redis://***@127.0.0.1:${new URL(command.redisUrl).port})\n`,
    );
    expect(command.stderr()).toBe('');
    expect((await stat(`${folder}/.ringpost`)).mode & 0o777).toBe(0o700);
    expect(await askRedis(command, (redis) => redis.config('GET', 'dir'))).toEqual([
      'dir',
      `${folder}/.ringpost/redis`,
    ]);
    expect(await answering(command.url, ['S1', 'S2', 'S3'])).toEqual(['S1', 'S2', 'S3']);
    expect(command.stdout().split('\n')).toHaveLength(2);
  });

  it('gives its workers a Redis user without administrator rights', async () => {
    const { startReady } = await scratch();
    const clients = String(await askRedis(await startReady(), (redis) => redis.client('LIST')));
    const usersOf = (role: string): string[] => [
      ...new Set(
        clients
          .split('\n')
          .flatMap((line) =>
            line.includes(` name=ringpost:${role}:`) ? (/ user=(\S+)/.exec(line)?.slice(1) ?? []) : [],
          ),
      ),
    ];
    expect([usersOf('worker'), usersOf('gateway'), usersOf('controller')]).toEqual([
      ['worker'],
      ['default'],
      ['default'],
    ]);
  });

  it('restores the ring and the names of the previous start', async () => {
    const { startReady } = await scratch();
    const first = await startReady();
    expect((await send(`${first.url}/add`, 'POST', { n: 1, hostnames: ['S9'] })).status).toBe(200);
    expect((await send(`${first.url}/rm`, 'DELETE', { n: 1, hostnames: ['S2'] })).status).toBe(200);
    first.kill('SIGTERM');
    expect(await first.exited).toEqual({ code: 0, signal: null });
    const second = await startReady();
    expect(second.replicas).toEqual(['S1', 'S3', 'S9']);
    expect(await replicasAt(second.url)).toEqual(['S1', 'S3', 'S9']);
    expect(await answering(second.url, ['S1', 'S3', 'S9'])).toEqual(['S1', 'S3', 'S9']);
  });

  it('is refused with one sentence if another runs in the same folder', async () => {
    const { start, startReady } = await scratch();
    const first = await startReady();
    const second = start();
    expect(await second.exited).toEqual({ code: 1, signal: null });
    expect(second.stdout()).toBe('');
    expect(second.stderr()).toMatch(
      /^ringpost: another ringpost already runs its Redis in .*; to join it set REDIS_URL="\S+ \S+"\n$/,
    );
    const { password, port } = new URL(first.redisUrl);
    expect(second.stderr()).toContain(`@127.0.0.1:${port}"`);
    expect(second.stderr()).not.toContain(password);
    expect(await answering(first.url, ['S1', 'S2', 'S3'])).toHaveLength(3);
  });

  it('says in one sentence what to do if there is no Redis and none can be installed', async () => {
    const { start, untilNothingRuns } = await scratch();
    const command = start({ PATH: '/nowhere' });
    expect(await command.exited).toEqual({ code: 1, signal: null });
    expect(command.stdout()).toBe('');
    expect(command.stderr()).toMatch(
      new RegExp(
        '^ringpost: Redis 7 or newer is needed: set REDIS_URL, install redis-server .*, ' +
          'or set INSTALL_REDIS=yes .*\n$',
      ),
    );
    await untilNothingRuns(2000);
  });
});

describe('npm start', () => {
  it.each([
    ['a terminal sends its Ctrl-C to all of its processes', 'killGroup', 'SIGINT'],
    ['npm gets a SIGTERM', 'kill', 'SIGTERM'],
  ] as const)('ends with exit code 0 and leaves nothing behind when %s', async (_, how, signal) => {
    const { linkProject, run, untilNothingRuns, lockFile, folder } = await scratch();
    await linkProject();
    const command = run('npm', ['start', '--silent'], { PORT: '0' }, { ownGroup: true });
    const { url, stdout } = await whenReady(command);
    expect(stdout()).toMatch(/^ringpost ready on [^\n]*\n$/);
    expect(await answering(url, ['S1', 'S2', 'S3'])).toHaveLength(3);
    expect((await processesIn(folder)).length).toBeGreaterThan(5);
    command[how](signal);
    expect(await command.exited).toEqual({ code: 0, signal: null });
    await untilNothingRuns(5000);
    expect(await exists(lockFile)).toBe(false);
    expect(command.stderr()).not.toContain('abandoned');
  });
});

describe('a start that is killed', () => {
  it('leaves neither workers nor Redis running, and the next start finds its state', async () => {
    const { startReady, untilNothingRuns } = await scratch();
    const first = await startReady();
    expect((await send(`${first.url}/add`, 'POST', { n: 1, hostnames: ['S9'] })).status).toBe(200);
    first.kill('SIGKILL');
    await first.exited;
    await untilNothingRuns(5000);
    const second = await startReady();
    expect(second.replicas).toEqual(['S1', 'S2', 'S3', 'S9']);
    expect(await answering(second.url, ['S1', 'S2', 'S3', 'S9'])).toHaveLength(4);
  });
});

describe('a worker that is killed', () => {
  it('is replaced under its name with the next generation, and the replica answers', async () => {
    const { startReady } = await scratch();
    const { url, ...command } = await startReady();
    const lease = async (): Promise<{ pid: number; generation: number; state: string }> =>
      askRedis({ url, ...command }, async (redis) =>
        JSON.parse((await redis.get(testKeys().lease('S2'))) ?? '{}'),
      );
    const before = await lease();
    process.kill(before.pid, 'SIGKILL');
    await expect.poll(lease, { timeout: 20_000, interval: 20 }).toMatchObject({ state: 'ready' });
    await expect
      .poll(async () => (await lease()).generation, { timeout: 20_000, interval: 20 })
      .toBe(before.generation + 1);
    await expect
      .poll(async () => (await ringAt(url)).replicas.find(({ name }) => name === 'S2'), { timeout: 20_000 })
      .toMatchObject({ state: 'ready', generation: before.generation + 1, failures: 1 });
    expect(await isAlive(before.pid)).toBe(false);
    expect(await replicasAt(url)).toEqual(['S1', 'S2', 'S3']);
    expect(await answering(url, ['S1', 'S2', 'S3'])).toHaveLength(3);
  });
});

describe('a start that is impossible', () => {
  it('says in one sentence that the port is in use, and leaves nothing behind', async () => {
    const { start, folder, lockFile } = await scratch();
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    try {
      const command = start({ PORT: String(port) });
      expect(await command.exited).toEqual({ code: 1, signal: null });
      expect(command.stdout()).toBe('');
      expect(command.stderr()).toMatch(
        /^ringpost: The port is taken: .*Set PORT \(or ADMIN_PORT\) to a free one\.\n$/,
      );
      expect(command.stderr()).toContain(String(port));
      expect(await processesIn(folder)).toEqual([]);
      expect(await exists(lockFile)).toBe(false);
    } finally {
      server.close();
    }
  });

  it('names all faults of the settings at once', async () => {
    const { start, folder } = await scratch();
    const settings = { PORT: 'http', REPLICAS: '-1', RING: 'square', HASH_KEY: 'moon', NAMESPACE: 'a b' };
    const command = start({ ...settings, HANDLER: './missing.ts', UPSTREAM: 'http://127.0.0.1:1' });
    expect(await command.exited).toEqual({ code: 1, signal: null });
    expect(command.stdout()).toBe('');
    for (const [name, value] of Object.entries(settings))
      expect(command.stderr()).toContain(`\n  ${name} is "${value}"; `);
    expect(command.stderr()).toContain('HANDLER and UPSTREAM are both set');
    expect(command.stderr()).toContain('HANDLER is "./missing.ts"; there is no such file');
    expect(command.stderr()).not.toContain('    at ');
    expect(await readdir(folder)).toEqual([]);
  });

  it('says that the HANDLER file is missing', async () => {
    const { start } = await scratch();
    const command = start({ HANDLER: './missing.ts' });
    expect(await command.exited).toEqual({ code: 1, signal: null });
    expect(command.stderr()).toBe(
      'ringpost: The settings cannot be used:\n  HANDLER is "./missing.ts"; there is no such file\n',
    );
  });
});

describe('--help', () => {
  it('prints all settings with their defaults', async () => {
    const { start, folder } = await scratch();
    const command = start({}, ['--help']);
    expect(await command.exited).toEqual({ code: 0, signal: null });
    for (const [name, setting] of Object.entries(gatewaySettings.properties)) {
      const value = 'default' in setting ? `=${setting.default}` : '';
      expect(command.stdout()).toContain(`\n${name}${value}\n    `);
    }
    expect(await readdir(folder)).toEqual([]);
  });
});
