import { describe, expect, it } from 'vitest';
import type { RingReplicaView, RingView } from '#shared/contract/ring-view.ts';
import { sharesOf } from '#shared/ring/shares.ts';
import { callJson, remove } from '../fixtures/admin-calls.ts';
import type { Answer } from '../fixtures/admin-calls.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';
import { eventually, leaseOf, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();

const start = (more: NodeJS.ProcessEnv = {}): Promise<RunningGateway> =>
  system().start({ REPLICAS: '2', HANDLER: workers.handler, LEDGER: workers.ledger(), ...more });

const add = ({ adminUrl }: RunningGateway, weights: object, path = '/add'): Promise<Answer> =>
  callJson('POST', adminUrl + path, { n: 1, hostnames: ['S9'], weights });

const weigh = ({ adminUrl }: RunningGateway, name: string, body: unknown): Promise<Answer> =>
  callJson('PUT', `${adminUrl}/-/api/replicas/${name}/weight`, body);

const act = ({ adminUrl }: RunningGateway, name: string, action: string): Promise<Response> =>
  fetch(`${adminUrl}/-/api/replicas/${name}/${action}`, { method: 'POST' });

async function weightsIn({ adminUrl }: RunningGateway): Promise<Record<string, number>> {
  const ring = (await (await fetch(`${adminUrl}/-/ring`)).json()) as RingView; // as the route answers
  return Object.fromEntries(ring.replicas.map(({ name, weight }: RingReplicaView) => [name, weight]));
}

function keyOf({ gateway }: RunningGateway, replica: string): string {
  for (let at = 0; ; at += 1) if (gateway.watcher.ring.owner(`key-${at}`) === replica) return `key-${at}`;
}

const shareOf = ({ gateway }: RunningGateway, name: string): number =>
  sharesOf(gateway.watcher.ring).get(name) ?? 0;

describe('a weight', () => {
  it('is given by /add, and kept over a drain, a restart and a death; /rm ends it', async () => {
    const running = await start();
    const refused = await add(running, { S9: 11 });
    expect(refused.status).toBe(400);
    expect(JSON.parse(refused.text)).toEqual({
      message: '<Error> the weight of "S9" must be an integer from 1 to 10, not 11',
      status: 'failure',
    });
    expect(await weightsIn(running)).toEqual({ S1: 1, S2: 1 });
    const added = await add(running, { S9: 2 });
    expect(JSON.parse(added.text)).toEqual({
      message: { N: 3, replicas: ['S1', 'S2', 'S9'] },
      status: 'successful',
    });
    expect(shareOf(running, 'S9')).toBeGreaterThan(0.44);
    const key = keyOf(running, 'S9');
    await act(running, 'S9', 'drain');
    await expect.poll(() => shareOf(running, 'S9')).toBe(0);
    await act(running, 'S9', 'resume');
    await expect.poll(() => shareOf(running, 'S9')).toBeGreaterThan(0.44);
    const first = await leaseOf(system(), 'S9');
    process.kill(first?.pid ?? 0, 'SIGKILL');
    await eventually(async () => {
      const lease = await leaseOf(system(), 'S9');
      return lease?.state === 'ready' && lease.pid !== first?.pid;
    });
    expect(running.gateway.watcher.ring.owner(key)).toBe('S9');
    await running.stop();
    const again = await start();
    expect(await weightsIn(again)).toEqual({ S1: 1, S2: 1, S9: 2 });
    await remove(again.adminUrl, 1, ['S9']);
    expect((await add(again, {}, '/-/api/replicas')).status).toBe(200);
    expect(await weightsIn(again)).toEqual({ S1: 1, S2: 1, S9: 1 });
  });

  it('is inherited by the replacement with a new name', async () => {
    const running = await start({ RESPAWN: 'new' });
    await weigh(running, 'S2', { weight: 3 });
    process.kill((await leaseOf(system(), 'S2'))?.pid ?? 0, 'SIGKILL');
    const weights = await eventually(async () => {
      const found = await weightsIn(running);
      return !('S2' in found) && Object.keys(found).length === 2 && found;
    });
    expect(Object.values(weights)).toEqual([1, 3]);
  });
});

describe('another weight of a replica', () => {
  it('moves keys only to it, or only from it, and leaves what waits where it is', async () => {
    const running = await start({ CONCURRENCY: '1' });
    const { watcher } = running.gateway;
    const keys = Array.from({ length: 400 }, (_, at) => `key-${at}`);
    const before = new Map(keys.map((key) => [key, watcher.ring.owner(key)]));
    await act(running, 'S1', 'pause');
    const waiting = [...before].filter(([, owner]) => owner === 'S1').slice(0, 40);
    const answers = waiting.map(async ([key]) => {
      const answer = await fetch(`${running.url}/w`, { method: 'POST', headers: { 'ringpost-key': key } });
      return answer.headers.get('ringpost-replica');
    });
    const { redis, keys: names } = system();
    const lists = names.unfinished('S1');
    const queued = async (): Promise<number> =>
      (await redis.llen(lists.wait)) + (await redis.llen(names.bullMq(names.queue('S1'), 'paused')));
    await eventually(async () => (await queued()) === 40);
    const changed = await weigh(running, 'S2', { weight: 4 });
    expect([changed.status, JSON.parse(changed.text)]).toEqual([200, { replicas: ['S2'], weight: 4 }]);
    for (const key of keys) {
      const owner = watcher.ring.owner(key);
      if (owner !== before.get(key)) expect(owner).toBe('S2');
    }
    expect(Math.abs(shareOf(running, 'S2') - 0.8)).toBeLessThan(0.06);
    expect(waiting.some(([key]) => watcher.ring.owner(key) === 'S2')).toBe(true);
    expect(await queued()).toBe(40);
    await act(running, 'S1', 'resume');
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['S1']));
    await weigh(running, 'S2', { weight: 1 });
    for (const [key, owner] of before) expect(watcher.ring.owner(key)).toBe(owner);
  });

  it('is kept beside a drain and a pause, and refused for what is none', async () => {
    const running = await start();
    await act(running, 'S2', 'drain');
    await weigh(running, 'S2', { weight: 2 });
    await expect.poll(() => shareOf(running, 'S2')).toBe(0);
    expect(await system().redis.hkeys(system().keys.drained)).toEqual(['S2']);
    for (const [name, body, status, code] of [
      ['S2', { weight: 0 }, 400, 'request_malformed'],
      ['S2', {}, 400, 'request_malformed'],
      ['S2', null, 400, 'request_malformed'],
      ['S7', { weight: 2 }, 404, 'not_found'],
    ] as const) {
      const refused = await weigh(running, name, body);
      expect([refused.status, JSON.parse(refused.text)]).toMatchObject([status, { code }]);
    }
  });

  it('is refused on the assignment ring', async () => {
    const running = await start({ RING: 'assignment' });
    const refused = await weigh(running, 'S1', { weight: 2 });
    expect([refused.status, JSON.parse(refused.text)]).toMatchObject([409, { code: 'conflict' }]);
    expect((await add(running, { S9: 2 })).text).toContain(
      'with RING=assignment each replica has the weight 1',
    );
  });

  it('keeps the order of the requests of a key that moves', async () => {
    const running = await start({ HANDLER: handlerFile('flaky') });
    const { watcher } = running.gateway;
    const heavy = new Set(
      Array.from({ length: 200 }, (_, at) => `key-${at}`).filter((key) => watcher.ring.owner(key) === 'S1'),
    );
    await weigh(running, 'S2', { weight: 5 });
    const key = [...heavy].find((each) => watcher.ring.owner(each) === 'S2') ?? '';
    await weigh(running, 'S2', { weight: 1 });
    expect(watcher.ring.owner(key)).toBe('S1');
    const headers = { 'ringpost-key': key, 'ringpost-order': 'key', prefer: 'respond-async' };
    const locations: string[] = [];
    for (let at = 0; at < 8; at += 1) {
      if (at === 4) await weigh(running, 'S2', { weight: 5 });
      const accepted = await fetch(`${running.url}/${at}?ms=100`, { method: 'POST', headers });
      expect(accepted.status).toBe(202);
      locations.push(accepted.headers.get('location') ?? '');
    }
    for (const location of locations)
      expect(await (await fetch(`${running.url}${location}?wait=20`)).json()).toMatchObject({
        state: 'done',
      });
    const notes = (await workers.runs()).map((line) => line.split(' '));
    // One after the other, each to its end, the first four at S1 and the others at S2.
    expect(notes.map(([what, , path, replica]) => `${what} ${path} ${replica}`)).toEqual(
      Array.from({ length: 8 }, (_, at) =>
        ['begin', 'end'].map((what) => `${what} /${at} ${at < 4 ? 'S1' : 'S2'}`),
      ).flat(),
    );
  });
});
