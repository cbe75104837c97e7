import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import type { CallbackMessage, RequestView } from '#shared/contract/views.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import type { Recorded } from '../fixtures/recording-upstream.ts';
import { useScratch } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const scratch = useScratch();
const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const older = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const token = 'a-token-of-enough-length';
const callbacks = { CALLBACK_SECRET: secret, CALLBACK_ALLOW: '127.0.0.0/8' };

function fieldsOf({ headers }: Recorded): Record<string, string> {
  const names = headers.filter((_, at) => at % 2 === 0);
  return Object.fromEntries(names.map((name, at) => [name.toLowerCase(), headers[2 * at + 1] ?? '']));
}

async function accept(url: string, path: string, headers: Record<string, string>): Promise<string> {
  const response = await fetch(`${url}${path}`, { headers: { prefer: 'respond-async', ...headers } });
  expect(response.status, await response.clone().text()).toBe(202);
  return response.headers.get('ringpost-request') ?? '';
}

/** Asks a gateway for the keys of a receiver. */
async function ask(url: string, origin: unknown, authorization = `Bearer ${token}`): Promise<Response> {
  return fetch(`${url}/-/callbacks/secret`, {
    method: 'POST',
    body: JSON.stringify({ origin }),
    headers: { 'content-type': 'application/json', authorization },
  });
}

async function keysOf(url: string, origin: string): Promise<string[]> {
  const response = await ask(url, origin);
  expect(response.status, await response.clone().text()).toBe(200);
  return ((await response.json()) as { secrets: string[] }).secrets;
}

describe('a callback shows no secret', () => {
  it('of the answer: no Set-Cookie, no token, and none of the query of its request', async () => {
    const upstream = await recordingUpstream();
    const headers = [
      'Set-Cookie',
      's=hidden',
      'X-Auth-Token',
      'hidden',
      'Location',
      '/y?token=hidden',
      'X-A',
      'b',
    ];
    upstream.answer = { status: 201, headers, body: Buffer.from('done') };
    const receiver = await recordingUpstream();
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url, ...callbacks });
    const id = await accept(url, '/x?a=1&api_key=hidden', { 'ringpost-callback': receiver.url });
    await expect.poll(() => receiver.got.length).toBe(1);
    const text = receiver.got[0]?.body.toString() ?? '';
    expect(text).not.toContain('hidden');
    const { data } = JSON.parse(text) as CallbackMessage;
    expect(data.target).toBe('/x?a=1&api_key=[redacted]');
    const names = data.reply?.headers.map(([name]) => name.toLowerCase());
    expect(names).not.toContain('set-cookie');
    expect(names).not.toContain('x-auth-token');
    expect(data.reply?.headers).toContainEqual(['X-A', 'b']);
    expect(data.reply?.body).toBe('done');
    // A client that knows the id gets everything.
    const kept = await fetch(`${url}/-/requests/${id}/reply`);
    expect(kept.headers.get('set-cookie')).toBe('s=hidden');
    expect(((await (await fetch(`${url}/-/requests/${id}`)).json()) as RequestView).target).toContain(
      'hidden',
    );
  });
});

describe('a callback that is refused', () => {
  it('does not show the address of a name; the debug log does, without secrets', async () => {
    const { startReady } = await scratch();
    const command = await startReady({ REPLICAS: '1', LOG_LEVEL: 'debug', CALLBACK_SECRET: secret });
    for (const name of ['Ringpost-Callback', 'Ringpost-Failure-Callback']) {
      const response = await fetch(`${command.url}/x`, {
        headers: { prefer: 'respond-async', [name]: 'https://localhost/done?token=hidden&a=1' },
      });
      expect(response.status).toBe(400);
      const text = await response.text();
      expect(text).toContain('not a public address');
      expect(text).not.toMatch(/127\.0\.0\.1|::1|hidden/);
      expect(text).toContain('https://localhost/done?token=[redacted]&a=1');
    }
    const user = await fetch(`${command.url}/x`, {
      headers: { prefer: 'respond-async', 'ringpost-callback': 'https://user:hidden@example.com/' },
    });
    expect(await user.text()).not.toContain('hidden');
    const line = await command.line(/a callback was refused/);
    expect(JSON.parse(line)).toMatchObject({
      url: 'https://localhost/done?token=[redacted]&a=1',
      address: expect.stringMatching(/^(127\.0\.0\.1|::1)$/) as unknown,
    });
    expect(command.stderr()).not.toContain('hidden');
  });

  it('or sent, retried or given up leaves no secret of its URL in the debug log', async () => {
    const { startReady } = await scratch();
    const receiver = await recordingUpstream();
    receiver.answer = { status: 500 };
    const command = await startReady({ REPLICAS: '1', LOG_LEVEL: 'debug', ...callbacks });
    const host = new URL(receiver.url).host;
    const id = await accept(command.url, '/home', { 'ringpost-callback': `http://${host}/?token=hidden` });
    const gone = await accept(command.url, '/home', {
      'ringpost-callback': 'http://127.0.0.1:1/?token=hidden',
    });
    const state = async (each: string): Promise<string | undefined> =>
      ((await (await fetch(`${command.url}/-/requests/${each}`)).json()) as RequestView).callback?.state;
    await expect.poll(() => state(id)).toBe('retrying');
    await expect.poll(() => state(gone)).toBe('retrying');
    expect(receiver.got[0]?.url).toBe('/?token=hidden');
    expect(command.stderr()).not.toContain('hidden');
  });
});

describe('each receiver of callbacks', () => {
  it('has its own key for each secret, which verifies only its own messages', async () => {
    const settings = { ...callbacks, CALLBACK_SECRET: `${older},${secret}`, ADMIN_TOKEN: token };
    const { url } = await system().start({ REPLICAS: '1', ...settings });
    const one = await recordingUpstream();
    const two = await recordingUpstream();
    await accept(url, '/home', { 'ringpost-callback': `${one.url}/a` });
    await accept(url, '/home', { 'ringpost-callback': `${two.url}/b` });
    await expect.poll(() => [one.got.length, two.got.length]).toEqual([1, 1]);
    const keys = { one: await keysOf(url, one.url), two: await keysOf(url, two.url) };
    expect(keys.one).toHaveLength(2);
    expect(new Set([...keys.one, ...keys.two, secret, older]).size).toBe(6);
    const verify = (key: string, got: Recorded | undefined): unknown =>
      got && new Webhook(key).verify(got.body, fieldsOf(got));
    for (const [own, other, receiver] of [
      [keys.one, keys.two, one],
      [keys.two, keys.one, two],
    ] as const) {
      for (const key of own) expect(verify(key, receiver.got[0])).toMatchObject({ type: 'request.done' });
      for (const key of [...other, secret, older])
        expect(() => verify(key, receiver.got[0])).toThrow('signature');
    }
  });

  it('gets its key only with the admin token, in an answer that no cache may store', async () => {
    const { url } = await system().start({ REPLICAS: '0', ...callbacks, ADMIN_TOKEN: token });
    const response = await ask(url, 'https://Receiver.Example:443');
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const { origin, secrets } = (await response.json()) as { origin: string; secrets: string[] };
    expect(origin).toBe('https://receiver.example');
    expect(secrets).toEqual(await keysOf(url, 'https://receiver.example'));
    expect(secrets).not.toEqual(await keysOf(url, 'https://receiver.example:444'));
    expect(secrets).not.toEqual(await keysOf(url, 'http://receiver.example'));
    for (const wrong of ['', 'Bearer wrong']) expect((await ask(url, origin, wrong)).status).toBe(401);
  });

  it.each([
    'https://receiver.example/path',
    'https://receiver.example/?a=1',
    'https://user@receiver.example',
    'ftp://receiver.example',
    'receiver.example',
    'null',
    '',
    7,
    ['https://receiver.example'],
  ])('is identified by its origin and nothing else: not %j', async (origin) => {
    const { url } = await system().start({ REPLICAS: '0', ...callbacks, ADMIN_TOKEN: token });
    const response = await ask(url, origin);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('{\\"origin\\":\\"https://receiver.example\\"}');
  });

  it('gets no key if no admin token or no secret is set', async () => {
    const open = await system().start({ REPLICAS: '0', ...callbacks });
    const response = await ask(open.url, 'https://receiver.example');
    expect(response.status).toBe(403);
    expect(await response.text()).toContain('set ADMIN_TOKEN');
    await open.stop();
    const without = await system().start({ REPLICAS: '0', ADMIN_TOKEN: token });
    expect((await ask(without.url, 'https://receiver.example')).status).toBe(404);
  });

  it('is named in the log when its keys are given out; the keys are not', async () => {
    const { startReady } = await scratch();
    const command = await startReady({ REPLICAS: '1', ...callbacks, ADMIN_TOKEN: token });
    const secrets = await keysOf(command.url, 'https://receiver.example');
    const line = await command.line(/a change by the admin side/);
    expect(JSON.parse(line)).toMatchObject({
      audit: true,
      by: 'admin',
      address: '127.0.0.1',
      route: '/-/callbacks/secret',
      asked: { origin: 'https://receiver.example' },
      status: 200,
    });
    for (const each of [...secrets, token]) expect(command.stderr()).not.toContain(each);
  });
});
