import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { SessionView } from '#shared/contract/api/session.ts';
import { call, desiredOf } from '../fixtures/admin-calls.ts';
import type { Answer } from '../fixtures/admin-calls.ts';
import { leaseReplicas } from '../fixtures/leased-replicas.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';

const system = useSystem();
const ops = '0123456789-of-ops';
const view = '0123456789-of-view';
const tokens = { ADMIN_TOKEN: `ops:${ops},ci:0123456789-of-ci`, VIEW_TOKEN: `eyes:${view}` };
const guarded = { REPLICA_DRIVER: 'none', ADMIN_PORT: '0', ...tokens };
type Fields = Readonly<Record<string, string>>;

const json = { 'content-type': 'application/json' };
const viewOf = ({ text }: Answer): SessionView => JSON.parse(text) as SessionView;

function post(url: string, token: string, headers: Fields = {}): Promise<Answer> {
  const body = JSON.stringify({ token });
  return call('POST', `${url}/-/api/session`, { headers: { ...json, origin: url, ...headers }, body });
}

/** Signs in as a browser does. @returns what it sends from then on. */
async function signIn(url: string, token: string): Promise<{ cookie: string; csrf: string; fields: string }> {
  const answer = await post(url, token);
  expect([answer.status, answer.headers['cache-control']]).toEqual([200, 'no-store']);
  const [set = ''] = answer.headers['set-cookie'] ?? [];
  const [cookie = '', ...fields] = set.split('; ');
  return { cookie, csrf: viewOf(answer).csrf ?? '', fields: fields.join('; ') };
}

const keyOf = (cookie: string): string => {
  const { keys } = system();
  return keys.dashboardSession(
    createHash('sha256')
      .update(cookie.split('=')[1] ?? '')
      .digest('hex'),
  );
};

async function startLeased(env: NodeJS.ProcessEnv = {}): Promise<RunningGateway> {
  await leaseReplicas(system());
  return system().start({ ...guarded, REPLICAS: '2', ...env });
}

describe('signing in on ADMIN_PORT', () => {
  it('sets a cookie with a random id, which opens what the token opens', async () => {
    const { adminUrl: url } = await startLeased();
    const { port } = new URL(url);
    const { cookie, csrf, fields } = await signIn(url, ops);
    expect(cookie).toMatch(new RegExp(`^ringpost_session_${port}=[\\w-]{43}$`));
    expect(fields).toBe('Path=/-/; Max-Age=43200; HttpOnly; SameSite=Strict');
    expect((await signIn(url, ops)).cookie).not.toBe(cookie);
    for (const path of ['/rep', '/-/ring', '/-/dead-letters', '/-/metrics'])
      expect([path, (await call('GET', url + path, { headers: { cookie } })).status]).toEqual([path, 200]);
    const seen = await call('GET', `${url}/-/api/session`, { headers: { cookie } });
    const known = { access: 'token', detail: null, adminUrl: null, role: 'admin', name: 'ops', csrf };
    expect(viewOf(seen)).toEqual(known);
    const headers = { ...json, cookie, origin: url, 'ringpost-csrf': csrf };
    const added = await call('POST', `${url}/add`, { headers, body: '{"n":1,"hostnames":["S9"]}' });
    expect(added.status).toBe(200);
    expect(await desiredOf(system())).toEqual(['S1', 'S2', 'S9']);
  });

  it('keeps neither the id nor the token in Redis', async () => {
    const { adminUrl: url } = await startLeased();
    const { cookie } = await signIn(url, ops);
    const { redis } = system();
    const text = (await redis.get(keyOf(cookie))) ?? '';
    expect(Object.keys(JSON.parse(text) as object)).toEqual(['proof', 'until']);
    for (const secret of [ops, cookie.split('=')[1] ?? '', createHash('sha256').update(ops).digest('hex')])
      expect(text).not.toContain(secret);
  });

  it.each([
    ['without an Origin', {}],
    ['of another page', { origin: 'http://evil.test' }],
    ['of the data port', { origin: 'http://127.0.0.1:1' }],
    ['of a sandbox', { origin: 'null' }],
  ])('is refused %s', async (_, headers) => {
    const { adminUrl: url } = await system().start({ ...guarded, ROLE: 'gateway' });
    const body = JSON.stringify({ token: ops });
    const answer = await call('POST', `${url}/-/api/session`, { headers: { ...json, ...headers }, body });
    expect([answer.status, answer.headers['set-cookie']]).toEqual([403, undefined]);
    expect(answer.text).toContain('TRUSTED_PROXIES');
  });

  it('with a wrong token is answered late, and with anything else at once', async () => {
    const { adminUrl: url } = await system().start({ ...guarded, ROLE: 'gateway' });
    const began = performance.now();
    for (const wrong of ['wrong', '', `${ops} `]) {
      const { status, text } = await post(url, wrong);
      expect([status, text]).toEqual([401, expect.stringContaining('none of the tokens')]);
    }
    // Delays of 100, 200 and 400 ms; timers may fire a little early.
    expect(performance.now() - began).toBeGreaterThan(690);
    for (const body of ['', '{}', '[]', '{"token":1}', 'token', '{"token":']) {
      const answer = await call('POST', `${url}/-/api/session`, { headers: { ...json, origin: url }, body });
      expect([body, answer.status]).toEqual([body, 400]);
    }
    const body = JSON.stringify({ token: 'x'.repeat(5000) });
    const huge = await call('POST', `${url}/-/api/session`, { headers: { ...json, origin: url }, body });
    expect(huge.status).toBe(400);
  });

  it('is not the only call that is slowed down: a wrong token is counted by GET too', async () => {
    const { adminUrl: url } = await startLeased();
    const failed = async (): Promise<string | undefined> => {
      const { text } = await call('GET', `${url}/-/metrics`, { headers: { authorization: `Bearer ${ops}` } });
      return /^ringpost_admin_failed_tokens_total (\d+)$/m.exec(text)?.[1];
    };
    const ask = (token: string): Promise<Answer> =>
      call('GET', `${url}/-/api/session`, { headers: { authorization: `Bearer ${token}` } });
    expect(viewOf(await ask(ops)).role).toBe('admin');
    expect(await failed()).toBe('0');
    expect(viewOf(await ask('wrong')).role).toBeNull();
    expect(await failed()).toBe('1');
  });

  it('behind a TLS proxy in TRUSTED_PROXIES makes the cookie Secure', async () => {
    const { adminUrl: url } = await startLeased({ TRUSTED_PROXIES: '127.0.0.1' });
    const origin = 'https://ring.example';
    const proxied = {
      origin,
      host: 'ring.example',
      'x-forwarded-proto': 'https',
      'x-forwarded-for': '192.0.2.1',
    };
    const answer = await post(url, ops, proxied);
    const [set = ''] = answer.headers['set-cookie'] ?? [];
    expect(set).toMatch(/^ringpost_session_443=.*; Secure$/);
    const headers = {
      ...proxied,
      ...json,
      cookie: set.split(';')[0] ?? '',
      'ringpost-csrf': viewOf(answer).csrf ?? '',
    };
    const change = (more: Fields): Promise<Answer> =>
      call('POST', `${url}/add`, { headers: { ...headers, ...more }, body: '{"n":1}' });
    expect((await change({ origin: 'http://ring.example' })).status).toBe(403);
    expect((await change({})).status).toBe(200);
  });
});

describe('a session', () => {
  it('ends at every gateway when somebody signs out', async () => {
    const { adminUrl: first } = await startLeased();
    const { adminUrl: second } = await system().start({ ...guarded, ROLE: 'gateway' });
    const { cookie, csrf } = await signIn(first, ops);
    // The name of a cookie has the port of its page.
    const there = cookie.replace(new URL(first).port, new URL(second).port);
    const at = (url: string, sent: string): Promise<Answer> =>
      call('GET', `${url}/rep`, { headers: { cookie: sent } });
    expect([(await at(first, cookie)).status, (await at(second, there)).status]).toEqual([200, 200]);
    const headers = { cookie: there, origin: second };
    const without = await call('DELETE', `${second}/-/api/session`, { headers });
    expect([without.status, without.text]).toEqual([403, expect.stringContaining('Ringpost-Csrf')]);
    const signedOut = await call('DELETE', `${second}/-/api/session`, {
      headers: { ...headers, 'ringpost-csrf': csrf },
    });
    expect(signedOut.status).toBe(200);
    expect(signedOut.headers['set-cookie']?.[0]).toMatch(
      /=; Path=\/-\/; Max-Age=0; HttpOnly; SameSite=Strict$/,
    );
    expect(viewOf(signedOut)).toMatchObject({ access: 'token', role: null, csrf: null });
    expect([(await at(first, cookie)).status, (await at(second, there)).status]).toEqual([401, 401]);
    expect(await system().redis.exists(keyOf(cookie))).toBe(0);
  });

  it('ends an hour after its last use, and twelve hours after its beginning', async () => {
    const { adminUrl: url } = await startLeased();
    const { redis } = system();
    const { cookie } = await signIn(url, ops);
    const key = keyOf(cookie);
    const ask = async (): Promise<number> =>
      (await call('GET', `${url}/rep`, { headers: { cookie } })).status;
    const hour = 3_600_000;
    expect(await redis.pttl(key)).toBeGreaterThan(hour - 60_000);
    await redis.pexpire(key, 120_000);
    expect(await ask()).toBe(200);
    expect(await redis.pttl(key)).toBeGreaterThan(hour - 60_000);
    const { until, proof } = JSON.parse((await redis.get(key)) ?? '') as { until: number; proof: string };
    const now = Number((await redis.time())[0]) * 1000;
    expect(Math.abs(until - now - 12 * hour)).toBeLessThan(60_000);
    await redis.set(key, JSON.stringify({ proof, until: now - 1 }));
    expect(await ask()).toBe(401);
  });

  it('is over when its token is no longer set, also if another one has its name', async () => {
    const { adminUrl: url, stop } = await startLeased();
    const { cookie } = await signIn(url, ops);
    await stop();
    const ADMIN_TOKEN = `ops:another-one-of-ops`;
    const { adminUrl: later } = await system().start({ ...guarded, ROLE: 'gateway', ADMIN_TOKEN });
    const sent = cookie.replace(new URL(url).port, new URL(later).port);
    expect((await call('GET', `${later}/rep`, { headers: { cookie: sent } })).status).toBe(401);
  });

  it('that is garbled in Redis is over, and a made-up one never was', async () => {
    const { adminUrl: url } = await startLeased();
    const { cookie } = await signIn(url, ops);
    const { redis } = system();
    const ask = async (sent: string): Promise<number> =>
      (await call('GET', `${url}/rep`, { headers: { cookie: sent } })).status;
    await redis.set(keyOf(cookie), 'garbled');
    expect(await ask(cookie)).toBe(401);
    const again = await signIn(url, ops);
    await redis.multi().del(keyOf(again.cookie)).rpush(keyOf(again.cookie), 'x').exec();
    expect(await ask(again.cookie)).toBe(401);
    const [name = ''] = cookie.split('=');
    for (const id of ['', 'x', 'A'.repeat(43), ops]) expect(await ask(`${name}=${id}`)).toBe(401);
  });

  it('is replaced when its holder signs in again', async () => {
    const { adminUrl: url } = await startLeased();
    const { cookie } = await signIn(url, ops);
    expect((await post(url, view, { cookie })).status).toBe(200);
    expect((await call('GET', `${url}/rep`, { headers: { cookie } })).status).toBe(401);
  });

  it('loses against the header Authorization', async () => {
    const { adminUrl: url } = await startLeased();
    const { cookie } = await signIn(url, ops);
    const ask = async (authorization: string): Promise<number> =>
      (await call('GET', `${url}/rep`, { headers: { cookie, authorization } })).status;
    expect([await ask('Bearer wrong'), await ask(`Bearer ${view}`)]).toEqual([401, 200]);
    const seen = await call('GET', `${url}/-/api/session`, {
      headers: { cookie, authorization: `Bearer ${view}` },
    });
    expect(viewOf(seen)).toMatchObject({ role: 'view', name: 'eyes', csrf: null });
  });
});

describe('a change by cookie', () => {
  it('needs the Origin of the listener and the value of the session, and is JSON', async () => {
    const { url: dataUrl, adminUrl: url } = await startLeased();
    const { cookie, csrf } = await signIn(url, ops);
    const other = await signIn(url, ops);
    const good = { ...json, cookie, origin: url, 'ringpost-csrf': csrf };
    const without = (name: string): Fields =>
      Object.fromEntries(Object.entries(good).filter(([each]) => each !== name));
    const bad: Fields[] = [
      without('origin'),
      without('ringpost-csrf'),
      { ...good, origin: dataUrl },
      { ...good, origin: 'null' },
      { ...good, 'ringpost-csrf': other.csrf },
      { ...good, 'ringpost-csrf': '' },
      { ...good, 'sec-fetch-site': 'same-site' },
    ];
    for (const headers of bad) {
      const { status } = await call('POST', `${url}/add`, { headers, body: '{"n":1}' });
      expect([headers, status]).toEqual([headers, 403]);
      const removed = await call('DELETE', `${url}/-/dead-letters?all=true`, { headers: { ...headers } });
      expect([headers, removed.status]).toEqual([headers, 403]);
    }
    const text = { ...good, 'content-type': 'text/plain' };
    expect((await call('POST', `${url}/add`, { headers: text, body: '{"n":1}' })).status).toBe(415);
    expect(await desiredOf(system())).toEqual(['S1', 'S2']);
  });

  it('is refused to who is signed in with a VIEW_TOKEN, and so is what is not metadata', async () => {
    const { adminUrl: url } = await startLeased();
    const { cookie, csrf } = await signIn(url, view);
    const headers = { ...json, cookie, origin: url, 'ringpost-csrf': csrf };
    expect((await call('GET', `${url}/rep`, { headers })).status).toBe(200);
    const refused = await call('POST', `${url}/add`, { headers, body: '{"n":1}' });
    expect([refused.status, refused.text]).toEqual([403, expect.stringContaining('VIEW_TOKEN')]);
    expect((await call('GET', `${url}/-/dead-letters/x`, { headers })).status).toBe(403);
    expect(await desiredOf(system())).toEqual(['S1', 'S2']);
  });
});

describe('a page on another port of the same host', () => {
  it('may not even read by cookie', async () => {
    const { url: dataUrl, adminUrl: url } = await startLeased();
    const { cookie } = await signIn(url, ops);
    for (const page of [{ 'sec-fetch-site': 'same-site' }, { origin: dataUrl }] as const) {
      const headers = { cookie, ...page };
      expect((await call('GET', `${url}/rep`, { headers })).status).toBe(403);
    }
  });
});

describe('on the data port', () => {
  it('a cookie opens nothing, and nobody signs in, if ADMIN_PORT is set', async () => {
    const { url, adminUrl } = await startLeased({ REPLY_TIMEOUT_MS: '200' });
    const { cookie } = await signIn(adminUrl, ops);
    const here = cookie.replace(new URL(adminUrl).port, new URL(url).port);
    expect((await call('GET', `${url}/-/ring`, { headers: { cookie: here } })).status).toBe(404);
    expect((await post(url, ops)).status).toBe(404);
    const seen = viewOf(await call('GET', `${url}/-/api/session`, { headers: { cookie: here } }));
    expect(seen).toMatchObject({ access: 'elsewhere', adminUrl: `${adminUrl}/-/`, role: null, csrf: null });
    const far = await call('GET', `${url}/-/api/session`, { headers: { host: 'ring.example' } });
    expect(viewOf(far)).toMatchObject({ access: 'elsewhere', adminUrl: null });
  });

  it('a cookie opens nothing, and nobody signs in, if there is a token and no ADMIN_PORT', async () => {
    const { url } = await startLeased({ ADMIN_PORT: undefined });
    const refused = await post(url, ops);
    expect([refused.status, refused.text]).toEqual([403, expect.stringContaining('Set ADMIN_PORT')]);
    const { adminUrl } = await system().start({ ...guarded, ROLE: 'gateway' });
    const { cookie } = await signIn(adminUrl, ops);
    const here = cookie.replace(new URL(adminUrl).port, new URL(url).port);
    expect((await call('GET', `${url}/rep`, { headers: { cookie: here } })).status).toBe(401);
    const seen = viewOf(await call('GET', `${url}/-/api/session`, { headers: { cookie: here } }));
    expect(seen).toMatchObject({
      access: 'closed',
      detail: expect.stringContaining('ADMIN_PORT'),
      role: null,
    });
  });

  it('nobody needs to sign in without a token, by the rules of loopback', async () => {
    const { url } = await system().start({ REPLICA_DRIVER: 'none', ROLE: 'gateway' });
    const session = async (headers: Fields): Promise<SessionView> =>
      viewOf(await call('GET', `${url}/-/api/session`, { headers }));
    expect(await session({})).toMatchObject({ access: 'none', role: 'admin', csrf: null });
    expect(await session({ host: 'evil.test' })).toMatchObject({ access: 'closed', role: null });
    expect((await session({ via: '1.1 proxy' })).detail).toContain('came through a proxy');
  });
});
