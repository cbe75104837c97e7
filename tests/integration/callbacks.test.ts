import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import type { RequestView } from '#shared/contract/views.ts';
import { ownRedis } from '../fixtures/own-redis.ts';
import { callbackReceiver } from '../fixtures/callback-receiver.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import { useSystem } from '../fixtures/system.ts';
import { useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const handler = fileURLToPath(new URL('../fixtures/handlers/flaky.ts', import.meta.url));
const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const older = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;

/** Starts two gateways that may call back loopback addresses, and a receiver. */
async function startTwo(settings: NodeJS.ProcessEnv = {}) {
  const shared = {
    HANDLER: handler,
    LEDGER: workers.ledger(),
    CALLBACK_SECRET: secret,
    CALLBACK_ALLOW: '127.0.0.0/8',
    ...settings,
  };
  const one = await system().start({ REPLICAS: '2', ...shared });
  const two = await system().start({ ROLE: 'gateway', ...shared });
  await two.gateway.watcher.until(({ ring }) => ring.size === 2, 10_000);
  const receiver = await callbackReceiver(secret);
  const send = async (
    path: string,
    headers: Record<string, string>,
    init: RequestInit = {},
  ): Promise<Response> =>
    fetch(`${one.url}${path}`, { ...init, headers: { prefer: 'respond-async', ...headers } });
  const accepted = async (...args: Parameters<typeof send>): Promise<string> => {
    const response = await send(...args);
    expect(response.status).toBe(202);
    await response.arrayBuffer();
    return response.headers.get('ringpost-request') ?? '';
  };
  const view = async (id: string): Promise<RequestView> =>
    (await (await fetch(`${two.url}/-/requests/${id}`)).json()) as RequestView;
  return { one, two, receiver, send, accepted, view };
}

/** Sends fields of the same name separately, which fetch would join. */
async function ask(url: string, headers: readonly string[]): Promise<{ status: number; text: string }> {
  const { statusCode, body } = await request(`${url}/x`, {
    method: 'POST',
    headers: ['prefer', 'respond-async', ...headers],
  });
  return { status: statusCode, text: await body.text() };
}

describe('a callback', () => {
  it('reports the end of an async request, with its answer, signed', async () => {
    const { receiver, accepted, view } = await startTwo();
    const id = await accepted(
      '/x',
      { 'ringpost-callback': `${receiver.url}/told` },
      { method: 'POST', body: 'b' },
    );
    await expect.poll(() => receiver.received.length).toBe(1);
    const [told] = receiver.received;
    expect(told?.id).toBe(id);
    expect(told?.message).toMatchObject({
      type: 'request.done',
      data: { id, state: 'done', method: 'POST', target: '/x', attempts: 1, status: 200 },
    });
    const reply = told?.message.data.reply;
    expect(
      new Headers((reply?.headers ?? []).map(([name, value]) => [name, value])).get('content-type'),
    ).toBe('application/json');
    expect(reply?.encoding).toBe('utf8');
    expect(JSON.parse(reply?.body ?? '')).toEqual({ replica: told?.message.data.replica, attempt: 1 });
    await expect
      .poll(async () => (await view(id)).callback)
      .toMatchObject({
        state: 'delivered',
        attempts: 1,
        answer: '204',
      });
    expect(receiver.forged).toEqual([]);
    // BullMQ removes the job after the state is recorded.
    const job = system().keys.bullMq(system().keys.callbacks, id);
    await expect.poll(() => system().redis.exists(job)).toBe(0);
  });

  it('reports failures to the failure address, or to the same address if there is none', async () => {
    const { receiver, accepted, view } = await startTwo();
    const both = {
      'ringpost-callback': `${receiver.url}/done`,
      'ringpost-failure-callback': `${receiver.url}/failed`,
    };
    const failed = await accepted('/x?fail=9&status=500', both);
    const done = await accepted('/x', both);
    const one = await accepted('/x?fail=9&status=500', { 'ringpost-callback': `${receiver.url}/only` });
    const silent = await accepted('/x', { 'ringpost-failure-callback': `${receiver.url}/failed` });
    await expect.poll(() => receiver.received.length).toBe(3);
    await expect.poll(async () => (await view(silent)).callback?.state).toBe('none');
    expect(receiver.received.map(({ path, id, message }) => [path, id, message.type])).toEqual(
      expect.arrayContaining([
        ['/failed', failed, 'request.failed'],
        ['/done', done, 'request.done'],
        ['/only', one, 'request.failed'],
      ]),
    );
    expect(receiver.received.find(({ id }) => id === failed)?.message.data).toMatchObject({
      code: 'http_500',
    });
  });

  it('reports a cancelled request, and at its deadline an expired one', async () => {
    const { receiver, accepted, two } = await startTwo({ CONCURRENCY: '1' });
    const callback = { 'ringpost-callback': receiver.url, 'ringpost-key': 'k' };
    await accepted('/long?ms=4000', { 'ringpost-key': 'k' });
    const cancelled = await accepted('/x', callback);
    const began = Date.now();
    const late = await accepted('/y', { ...callback, 'ringpost-deadline': '1000' });
    expect((await fetch(`${two.url}/-/requests/${cancelled}`, { method: 'DELETE' })).status).toBe(200);
    await expect.poll(() => receiver.received.length, { timeout: 6000 }).toBe(2);
    const [first, second] = receiver.received;
    expect([first?.id, first?.message.type]).toEqual([cancelled, 'request.cancelled']);
    expect([second?.id, second?.message.type]).toEqual([late, 'request.expired']);
    expect((second?.at ?? 0) - began).toBeLessThan(3500);
    // The expired request does not run when its turn comes.
    await expect
      .poll(async () => (await workers.runs()).some((line) => line.startsWith('end GET /long')), {
        timeout: 6000,
      })
      .toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await workers.runs()).filter((line) => line.includes('/y'))).toEqual([]);
    expect(receiver.received).toHaveLength(2);
  });

  it(
    'is sent again under the same id until it is accepted; a longer Retry-After is honoured',
    { timeout: 30_000 },
    async () => {
      const { receiver, accepted, view } = await startTwo();
      receiver.answer = (path, times) => {
        if (times > 1) return { status: 200 };
        return path === '/busy' ? { status: 503, headers: ['retry-after', '7'] } : { status: 500 };
      };
      const soon = await accepted('/x', { 'ringpost-callback': `${receiver.url}/soon` });
      const busy = await accepted('/x', { 'ringpost-callback': `${receiver.url}/busy` });
      await expect
        .poll(async () => (await view(soon)).callback)
        .toMatchObject({ state: 'retrying', answer: '500' });
      await expect.poll(() => receiver.received.length, { timeout: 12_000 }).toBe(4);
      const gap = (id: string): number => {
        const [first, second] = receiver.received.filter((each) => each.id === id);
        return (second?.at ?? 0) - (first?.at ?? 0);
      };
      expect(gap(soon)).toBeGreaterThan(3500);
      expect(gap(soon)).toBeLessThan(6500);
      expect(gap(busy)).toBeGreaterThan(6900);
      await expect
        .poll(async () => (await view(busy)).callback)
        .toMatchObject({ state: 'delivered', attempts: 2 });
    },
  );

  it('is not sent again after 410, and does not follow a redirect', async () => {
    const { receiver, accepted, view } = await startTwo();
    const elsewhere = await recordingUpstream();
    receiver.answer = (path) =>
      path === '/gone' ? { status: 410 } : { status: 307, headers: ['location', elsewhere.url] };
    const gone = await accepted('/x', { 'ringpost-callback': `${receiver.url}/gone` });
    const moved = await accepted('/x', { 'ringpost-callback': `${receiver.url}/moved` });
    await expect
      .poll(async () => (await view(gone)).callback)
      .toEqual({ state: 'gone', attempts: 1, answer: '410' });
    await expect
      .poll(async () => (await view(moved)).callback)
      .toMatchObject({ state: 'retrying', answer: '307' });
    expect(elsewhere.got).toEqual([]);
  });

  it('is signed with each secret during a rotation', async () => {
    const { receiver, accepted } = await startTwo({ CALLBACK_SECRET: `${older},${secret}` });
    await accepted('/x', { 'ringpost-callback': receiver.url });
    await expect.poll(() => receiver.received.length).toBe(1);
    expect(receiver.forged).toEqual([]);
  });

  it('is sent by another gateway if the one that accepted the request is gone', async () => {
    const { one, two, receiver, accepted } = await startTwo();
    expect(two.url).not.toBe(one.url);
    const id = await accepted('/x', { 'ringpost-callback': receiver.url, 'ringpost-delay': '1' });
    await one.gateway.stop();
    await expect.poll(() => receiver.received.map((each) => each.id)).toEqual([id]);
  });

  it('is not lost if Redis refuses to record its result', { timeout: 60_000 }, async () => {
    const own = await ownRedis();
    const { receiver, accepted, view } = await startTwo({ REDIS_URL: own.url });
    let refusing: Promise<unknown> | undefined;
    receiver.answer = (_, times) => {
      // Before the gateway can record anything about this answer.
      if (times === 1) refusing = own.redis.config('SET', 'maxmemory', '1');
      return { status: times === 1 ? 500 : 204 };
    };
    const id = await accepted('/x', { 'ringpost-callback': receiver.url });
    await expect.poll(() => receiver.received.length).toBe(1);
    await refusing;
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await own.redis.config('SET', 'maxmemory', '0');
    await expect
      .poll(async () => (await view(id)).callback, { timeout: 30_000 })
      .toMatchObject({ state: 'delivered' });
    // It is sent again once a second until its acceptance can be recorded, and then no more.
    const { length } = receiver.received;
    expect(length).toBeGreaterThan(1);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect(receiver.received.map((each) => each.id)).toEqual(Array.from({ length }, () => id));
  });
});

describe('a callback is refused before its request is accepted', () => {
  it('if its address is forbidden or not a URL, or the request is not async', async () => {
    const { send, receiver } = await startTwo({ CALLBACK_ALLOW: '' });
    const refused = async (headers: Record<string, string>): Promise<string> => {
      const response = await send('/x', headers);
      expect(response.status).toBe(400);
      const { code, detail } = (await response.json()) as { code: string; detail: string };
      expect(code).toBe('request_malformed');
      return detail;
    };
    const to = (url: string): Promise<string> => refused({ 'ringpost-callback': url });
    expect(await to(receiver.url)).toContain('not a public address');
    expect(await to('https://localhost:1/x')).toContain('not a public address');
    expect(await to('https://[::ffff:127.0.0.1]/')).toContain('not a public address');
    expect(await to('https://169.254.169.254/latest/meta-data')).toContain('not a public address');
    expect(await to('http://93.184.216.34/')).toContain('must begin with https:');
    expect(await to('ftp://93.184.216.34/')).toContain('must begin with https:');
    expect(await to('https://user:password@93.184.216.34/')).toContain('no user');
    expect(await to('nowhere')).toContain('not a URL');
    expect(await to('https://93.184.216.34/a, https://93.184.216.34/b')).toContain('not a URL');
    expect(await refused({ 'ringpost-failure-callback': 'https://10.0.0.1/' })).toContain(
      'Ringpost-Failure-Callback',
    );
    const sync = await refused({ prefer: 'wait=5', 'ringpost-callback': 'https://93.184.216.34/' });
    expect(sync).toContain('Prefer: respond-async');
    expect(await workers.runs()).toEqual([]);
  });

  it('if its field, or another field that may occur only once, occurs twice', async () => {
    const { one, receiver } = await startTwo();
    for (const name of ['Ringpost-Callback', 'Ringpost-Failure-Callback']) {
      const { status, text } = await ask(one.url, [name, `${receiver.url}/a`, name, `${receiver.url}/b`]);
      expect(status).toBe(400);
      expect(JSON.parse(text)).toMatchObject({
        code: 'request_malformed',
        detail: expect.stringContaining(`two ${name} fields`) as unknown,
      });
    }
    const other = await ask(one.url, ['Ringpost-Attempts', '1', 'Ringpost-Attempts', '2']);
    expect(other.status).toBe(400);
    expect(await workers.runs()).toEqual([]);
  });

  it('if there is no secret to sign it', async () => {
    const { send, receiver } = await startTwo({ CALLBACK_SECRET: '' });
    const response = await send('/x', { 'ringpost-callback': receiver.url });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('CALLBACK_SECRET');
  });
});
