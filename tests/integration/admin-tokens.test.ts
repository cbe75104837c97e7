import { describe, expect, it } from 'vitest';
import { CrashNotes } from '#shared/store/lease/crash-notes.ts';
import { Connection } from '#shared/store/redis/connection.ts';
import { add, call, callJson, ringOf } from '../fixtures/admin-calls.ts';
import type { Answer } from '../fixtures/admin-calls.ts';
import { leaseReplicas } from '../fixtures/leased-replicas.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const ops = { authorization: 'Bearer 0123456789-of-ops' };
const view = { authorization: 'Bearer 0123456789-of-view' };
const tokens = { ADMIN_TOKEN: 'ops:0123456789-of-ops,ci:0123456789-of-ci', VIEW_TOKEN: '0123456789-of-view' };

/** @returns the value of a metric. */
async function metric(url: string, name: string): Promise<number> {
  const { text } = await call('GET', `${url}/-/metrics`, { headers: view });
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
}

describe('VIEW_TOKEN', () => {
  it('allows reading the replicas and no changes', async () => {
    await leaseReplicas(system());
    const { url } = await system().start({ REPLICA_DRIVER: 'none', ...tokens });
    const before = await ringOf(system());
    for (const path of ['/rep', '/-/ring', '/-/metrics', '/-/dead-letters']) {
      expect([path, (await call('GET', url + path, { headers: view })).status]).toEqual([path, 200]);
      expect([path, (await call('HEAD', url + path, { headers: view })).status]).toEqual([path, 200]);
    }
    const { status, text } = await callJson('POST', `${url}/add`, { n: 1 }, view);
    expect([status, text]).toEqual([403, expect.stringContaining('a VIEW_TOKEN opens metadata only')]);
    expect((await callJson('DELETE', `${url}/rm`, { n: 1 }, view)).status).toBe(403);
    expect((await call('DELETE', `${url}/-/dead-letters?all=true`, { headers: view })).status).toBe(403);
    expect((await call('GET', `${url}/-/dead-letters/x`, { headers: view })).status).toBe(403);
    expect(await ringOf(system())).toEqual(before);
  });

  it('hides stderr and the ids of requests', async () => {
    await leaseReplicas(system());
    const { url } = await system().start({ REPLICA_DRIVER: 'none', REPLICAS: '1', ...tokens });
    const crash = {
      generation: 3,
      at: 5,
      reason: 'an exception was not caught: a secret of the handler',
      stderr: ['a secret of the handler'],
      requests: ['an-id.S1'],
    };
    const { redis, keys } = system();
    await new CrashNotes(new Connection(redis, keys.prefix)).note('S1', crash);
    const shown = async (headers: Record<string, string>): Promise<unknown> => {
      const { text } = await call('GET', `${url}/-/ring`, { headers });
      return (JSON.parse(text) as { replicas: { crash: unknown }[] }).replicas[0]?.crash;
    };
    expect(await shown(ops)).toEqual(crash);
    expect(await shown(view)).toEqual({ generation: 3, at: 5 });
  });

  it('lists dead letters without ids, queries and other ways to their answers', async () => {
    const { url } = await system().start({
      REPLICAS: '1',
      HANDLER: handlerFile('flaky'),
      LEDGER: '/dev/null',
      ...tokens,
    });
    const target = '/x?fail=9&status=500&secret=hunter2';
    const accepted = await call('POST', url + target, { headers: { prefer: 'respond-async' }, body: 'b' });
    const { id } = JSON.parse(accepted.text) as { id: string };
    const list = (headers: Record<string, string>): Promise<Answer> =>
      call('GET', `${url}/-/dead-letters?limit=1`, { headers });
    await expect.poll(async () => (await list(ops)).text).toContain(id);
    const { text } = await list(view);
    expect(JSON.parse(text)).toEqual({
      letters: [
        {
          replica: 'S1',
          state: 'failed',
          code: 'http_500',
          status: 500,
          method: 'POST',
          target: '/x',
          attempts: 1,
          times: { accepted: expect.any(String), ended: expect.any(String) },
        },
      ],
      next: null,
    });
  });
});

describe('a wrong token', () => {
  const wrong = { authorization: 'Bearer wrong' };

  it('is counted and answered later each time; a right token is never delayed', async () => {
    await leaseReplicas(system());
    const { url } = await system().start({ REPLICA_DRIVER: 'none', ...tokens });
    const began = performance.now();
    for (let times = 0; times < 3; times += 1)
      expect((await call('GET', `${url}/rep`, { headers: wrong })).status).toBe(401);
    // Delays of 100, 200 and 400 ms; timers may fire a little early.
    expect(performance.now() - began).toBeGreaterThan(690);
    const slow = Array.from({ length: 4 }, () => call('GET', `${url}/rep`, { headers: wrong }));
    const asked = performance.now();
    expect((await call('GET', `${url}/rep`, { headers: ops })).status).toBe(200);
    expect(await metric(url, 'ringpost_admin_failed_tokens_total')).toBe(7);
    expect((await add(url, 1)).status).toBe(401);
    expect(performance.now() - asked).toBeLessThan(800);
    expect(await Promise.all(slow.map(async (answer) => (await answer).status))).toEqual([
      401, 401, 401, 401,
    ]);
  });

  it('does not delay a stop', async () => {
    const { url, stop, gateway } = await system().start({
      REPLICA_DRIVER: 'none',
      ROLE: 'gateway',
      ...tokens,
    });
    const slow = Array.from({ length: 7 }, () => call('GET', `${url}/rep`, { headers: wrong }));
    await expect.poll(() => gateway.pending().calls).toBeGreaterThan(3);
    const began = performance.now();
    await stop();
    expect(performance.now() - began).toBeLessThan(2000);
    const answers = await Promise.all(slow);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
  });

  it('is answered at once if too many answers are delayed already', async () => {
    const { url, gateway } = await system().start({ REPLICA_DRIVER: 'none', ROLE: 'gateway', ...tokens });
    const all = Array.from({ length: 260 }, () => call('GET', `${url}/rep`, { headers: wrong }));
    await Promise.race(all.slice(210));
    expect(gateway.pending().calls).toBeLessThanOrEqual(200);
  });
});
