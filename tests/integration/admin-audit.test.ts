import { describe, expect, it } from 'vitest';
import { add, call, callJson, remove } from '../fixtures/admin-calls.ts';
import { leaseReplicas } from '../fixtures/leased-replicas.ts';
import { useScratch } from '../fixtures/scratch.ts';
import type { ReadyCommand } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const scratch = useScratch();
const token = '0123456789-of-ops';
const ops = { authorization: `Bearer ${token}` };

/** Starts the command with S1, S2 and S3, but no worker. */
async function start(settings: NodeJS.ProcessEnv = {}): Promise<ReadyCommand> {
  await leaseReplicas(system());
  const { startReady } = await scratch();
  const { redisUrl: REDIS_URL, namespace: NAMESPACE } = system();
  return startReady({ REDIS_URL, NAMESPACE, REPLICA_DRIVER: 'none', ...settings });
}

type Line = Readonly<Record<string, unknown>>;

/** @returns the log lines about changes, without the fields that every line has. */
function linesOf({ stderr }: ReadyCommand): Line[] {
  return stderr()
    .split('\n')
    .filter((line) => line.startsWith('{') && line.includes('by the admin side'))
    .map((line) => {
      const { msg, by, address, method, route, asked, status, reason, times } = JSON.parse(line) as Line;
      return { msg, by, address, method, route, asked, status, reason, times };
    });
}

const change = { msg: 'a change by the admin side', address: '127.0.0.1' };

describe('each change by the admin side', () => {
  it('is logged for who signs in and out too, with the name of the token and never with the token', async () => {
    const command = await start({ ADMIN_TOKEN: `ops:${token}`, ADMIN_PORT: '0' });
    const url = /admin (\S+);/.exec(command.stdout())?.[1] ?? '';
    const path = `${url}/-/api/session`;
    const origin = { origin: url };
    const wrong = 'a-wrong-token-of-mine';
    expect((await callJson('POST', path, { token: wrong }, origin)).status).toBe(401);
    const signedIn = await callJson('POST', path, { token }, origin);
    const cookie = signedIn.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    const { csrf } = JSON.parse(signedIn.text) as { csrf: string };
    const headers = { ...origin, cookie, 'ringpost-csrf': csrf };
    expect((await call('DELETE', path, { headers })).status).toBe(200);
    await expect.poll(() => linesOf(command)).toHaveLength(3);
    const route = '/-/api/session';
    expect(linesOf(command).slice(1)).toEqual([
      { ...change, by: 'ops', method: 'POST', route, asked: { signedIn: 'admin' }, status: 200 },
      { ...change, by: 'ops', method: 'DELETE', route, asked: { signedOut: 'admin' }, status: 200 },
    ]);
    for (const secret of [token, wrong, csrf, cookie.split('=')[1] ?? ''])
      expect(command.stderr()).not.toContain(secret);
  });

  it('is logged in one line at the default level: who, from where, what, and the status', async () => {
    const command = await start({ ADMIN_TOKEN: `ops:${token}` });
    const { url } = command;
    await callJson('POST', `${url}/add`, { n: 2, hostnames: ['S4'], weights: { S4: 2 }, extra: 'x' }, ops);
    await callJson('DELETE', `${url}/rm`, { n: 9, hostnames: ['S4'] }, ops);
    await call('DELETE', `${url}/-/dead-letters?all=true`, { headers: ops });
    const headers = { ...ops, 'content-type': 'application/json' };
    const body = '{"headers":{"authorization":"hunter2"}}';
    await call('POST', `${url}/-/dead-letters/x/redrive`, { headers, body });
    await call('GET', `${url}/rep`, { headers: ops });
    await call('PUT', `${url}/rep`, { headers: ops });
    await expect.poll(() => linesOf(command)).toHaveLength(4);
    expect(linesOf(command)).toEqual([
      {
        ...change,
        by: 'ops',
        method: 'POST',
        route: '/add',
        asked: { n: 2, hostnames: ['S4'], weights: ['S4=2'] },
        status: 200,
      },
      {
        ...change,
        by: 'ops',
        method: 'DELETE',
        route: '/rm',
        asked: { n: 9, hostnames: ['S4'] },
        status: 400,
      },
      {
        ...change,
        by: 'ops',
        method: 'DELETE',
        route: '/-/dead-letters',
        asked: { all: 'true' },
        status: 200,
      },
      {
        ...change,
        by: 'ops',
        method: 'POST',
        route: '/-/dead-letters/:id/redrive',
        asked: { id: 'x' },
        status: 404,
      },
    ]);
    for (const secret of [token, 'hunter2', 'a body of mine']) expect(command.stderr()).not.toContain(secret);
  });

  it('is logged without a token too, at every level but silent', async () => {
    const command = await start({ LOG_LEVEL: 'fatal' });
    await add(command.url, 1, ['S4']);
    await expect.poll(() => linesOf(command)).toHaveLength(1);
    const asked = { n: 1, hostnames: ['S4'] };
    expect(linesOf(command)).toEqual([
      { ...change, by: '-', method: 'POST', route: '/add', asked, status: 200 },
    ]);
    const silent = await start({ LOG_LEVEL: 'silent', ROLE: 'gateway' });
    await remove(silent.url, 1, ['S4']);
    expect(silent.stderr()).toBe('');
  });

  it('is logged at most once a second if it is refused', async () => {
    const command = await start();
    for (let times = 0; times < 20; times += 1) {
      const headers = { host: 'evil.test', 'content-type': 'application/json' };
      await call('POST', `${command.url}/add`, { headers, body: '{"n":1}' });
    }
    await expect.poll(() => linesOf(command).length).toBeGreaterThan(0);
    const lines = linesOf(command);
    expect(lines.length).toBeLessThan(4);
    expect(lines[0]).toMatchObject({
      msg: 'a change by the admin side was refused',
      by: '-',
      route: '/add',
      reason: expect.stringContaining('ADMIN_HOSTS'),
    });
  });
});

it('the ready line names the address of ADMIN_PORT', async () => {
  const command = await start({ ADMIN_PORT: '0' });
  const [, adminUrl = ''] =
    /\(admin (http:\/\/127\.0\.0\.1:\d+); replicas S1 S2 S3; /.exec(command.stdout()) ?? [];
  expect((await call('GET', `${adminUrl}/rep`)).status).toBe(200);
  expect(adminUrl).not.toBe(command.url);
});
