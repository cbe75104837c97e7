import { describe, expect, it } from 'vitest';
import { useSystem } from '../fixtures/system.ts';
import type { System } from '../fixtures/system.ts';
import { eventually, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const alice = { authorization: 'Bearer alice' };
const mallory = { authorization: 'Bearer mallory' };

/** Starts two gateways over the same replicas. */
async function startTwo(current: System, settings: NodeJS.ProcessEnv = {}) {
  const shared = { HANDLER: workers.handler, LEDGER: workers.ledger(), ...settings };
  const first = await current.start({ REPLICAS: '2', ...shared });
  const second = await current.start({ ROLE: 'gateway', ...shared });
  await second.gateway.watcher.until(({ ring }) => ring.size === 2, 10_000);
  return [first.url, second.url] as const;
}

type Who = Readonly<Record<string, string>>;

const pay = (url: string, who: Who, { body = 'x', path = '/pay' } = {}): Promise<Response> =>
  fetch(`${url}${path}`, { method: 'POST', body, headers: { 'idempotency-key': 'k', ...who } });

/** Expects that the answer says only that another caller has the key. */
async function expectInUse(answer: Response): Promise<void> {
  expect(answer.status).toBe(422);
  const names = [...answer.headers.keys()].filter(
    (name) => !['connection', 'keep-alive', 'date'].includes(name),
  );
  expect(names.toSorted()).toEqual(['content-length', 'content-type']);
  expect(await answer.json()).toEqual({
    type: 'about:blank',
    title: 'Idempotency Key In Use',
    status: 422,
    detail: 'Another caller has used the Idempotency-Key. Use a new key.',
    code: 'idempotency_key_in_use',
  });
}

describe('an idempotency key', () => {
  it.each<[string, Who, Who]>([
    ['another Authorization', alice, mallory],
    ['no Authorization', alice, {}],
    ['an Authorization where there was none', {}, mallory],
    [
      'the same Authorization with another API key',
      { ...alice, 'x-api-key': '1' },
      { ...alice, 'x-api-key': '2' },
    ],
    ['the same Authorization without the API key', { ...alice, 'x-api-key': '1' }, alice],
    ['an API key with the value of the Authorization', alice, { 'x-api-key': 'Bearer alice' }],
    ['another cookie', { cookie: 'session=alice' }, { cookie: 'session=mallory' }],
    ['no cookie', { cookie: 'session=alice' }, {}],
  ])('gives no answer to a caller with %s, from any gateway', async (_, owner, other) => {
    const urls = await startTwo(system());
    const first = await pay(urls[0], owner);
    expect(first.status).toBe(200);
    for (const url of urls) {
      await expectInUse(await pay(url, other));
      await expectInUse(await pay(url, other, { body: 'another body' }));
      await expectInUse(await pay(url, { ...other, prefer: 'respond-async' }));
      await expectInUse(await pay(url, { ...other, prefer: 'respond-async, wait=5' }));
    }
    const again = await pay(urls[1], owner);
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    expect(again.headers.get('ringpost-request')).toBe(first.headers.get('ringpost-request'));
    expect(await workers.runs()).toHaveLength(1);
  });

  it('belongs to the same caller whatever the cookies, if there is an Authorization', async () => {
    const urls = await startTwo(system());
    await pay(urls[0], { ...alice, cookie: 'seen=1' });
    const again = await pay(urls[1], { ...alice, cookie: 'seen=2' });
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
  });

  it('is refused to others at once while the first request runs; its caller waits for the end', async () => {
    const urls = await startTwo(system());
    const first = pay(urls[0], alice, { path: '/pay?ms=1500' });
    await eventually(async () => (await workers.runs()).length === 1);
    const waiting = pay(urls[1], alice, { path: '/pay?ms=1500' });
    await expectInUse(await pay(urls[1], mallory, { path: '/pay?ms=1500' }));
    let ended = false;
    void first.then(() => (ended = true));
    await expectInUse(await pay(urls[0], mallory, { path: '/pay?ms=1500' }));
    expect(ended).toBe(false);
    expect((await waiting).headers.get('idempotent-replayed')).toBe('true');
    expect((await first).status).toBe(200);
    expect(await workers.runs()).toHaveLength(1);
  });

  it('stays with its caller if the first request timed out', async () => {
    const urls = await startTwo(system(), { REPLY_TIMEOUT_MS: '600' });
    const late = await pay(urls[0], alice, { path: '/slow?ms=900' });
    expect(late.status).toBe(504);
    await expectInUse(await pay(urls[1], mallory, { path: '/slow?ms=900' }));
    const again = await pay(urls[1], alice, { path: '/slow?ms=900' });
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([504, 'true']);
    expect(await workers.runs()).toHaveLength(1);
    await expectInUse(await pay(urls[0], mallory, { path: '/slow?ms=900' }));
  });

  it('counts as another caller’s if its claim names no caller, as earlier releases wrote it', async () => {
    const current = system();
    const urls = await startTwo(current);
    await pay(urls[0], alice);
    const [key = ''] = await current.redis.keys(`${current.keys.prefix}:idempotency:*`);
    const { id, fingerprint } = JSON.parse((await current.redis.get(key)) ?? '') as Record<string, string>;
    await current.redis.set(key, JSON.stringify({ id, fingerprint }));
    for (const who of [alice, mallory, {}]) await expectInUse(await pay(urls[1], who));
    expect(await workers.runs()).toHaveLength(1);
  });

  it('is each caller’s own with IDEMPOTENCY_SCOPE=caller', async () => {
    const urls = await startTwo(system(), { IDEMPOTENCY_SCOPE: 'caller' });
    const answers = new Map<string, string | null>();
    for (const who of [alice, mallory, {}]) {
      const first = await pay(urls[0], who);
      expect([first.status, first.headers.get('idempotent-replayed')]).toEqual([200, null]);
      answers.set(JSON.stringify(who), first.headers.get('ringpost-request'));
    }
    for (const who of [alice, mallory, {}]) {
      const again = await pay(urls[1], who);
      expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
      expect(again.headers.get('ringpost-request')).toBe(answers.get(JSON.stringify(who)));
    }
    expect(await workers.runs()).toHaveLength(3);
  });

  it('is bound to what CALLER_KEY names, such as one cookie', async () => {
    const urls = await startTwo(system(), { CALLER_KEY: 'cookie:session' });
    await pay(urls[0], { cookie: 'session=alice; seen=1', authorization: 'Bearer 1' });
    const again = await pay(urls[1], { cookie: 'seen=2; session=alice', authorization: 'Bearer 2' });
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    await expectInUse(await pay(urls[1], { cookie: 'session=mallory; seen=1' }));
    // An attacker may plant a cookie of that name in front of the victim's.
    await expectInUse(await pay(urls[1], { cookie: 'session=alice; session=mallory' }));
  });

  it('leaves no credentials of its caller in Redis once the request has ended', async () => {
    const current = system();
    const urls = await startTwo(current);
    await pay(urls[0], { authorization: 'Bearer hidden-credential' });
    const stored = async (): Promise<string> => {
      const keys = await current.redis.keys(`${current.keys.prefix}:*`);
      const values = await Promise.all(
        keys.map(async (key) => {
          const type = await current.redis.type(key);
          if (type === 'string') return current.redis.get(key);
          return type === 'hash' ? JSON.stringify(await current.redis.hgetall(key)) : '';
        }),
      );
      return values.join('\n');
    };
    // The job is removed shortly after its answer.
    await expect.poll(stored).not.toContain('hidden-credential');
    expect(await stored()).toMatch(/"caller":"/);
  });
});
