import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { requestId } from '#shared/contract/request-id.ts';
import type { RequestView } from '#shared/contract/views.ts';
import { desiredOf } from '../fixtures/admin-calls.ts';
import { keyOf } from '../fixtures/ring-keys.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway, System } from '../fixtures/system.ts';

const system = useSystem();
const consumers = ['batched', 'stock'] as const;

async function start(settings: NodeJS.ProcessEnv = {}): Promise<RunningGateway> {
  return system().start({
    REPLICAS: '1',
    CONCURRENCY: '1',
    LEASE_MS: '900',
    HANDLER: handlerFile('ledger'),
    ...settings,
  });
}

async function asideOf({ redis, keys }: System, key: string): Promise<string[]> {
  return redis.zrange(keys.aside(key).index, '0', '-1');
}

/** Occupies the only slot, so that later jobs wait. */
async function occupy({ url }: RunningGateway, ms: number): Promise<() => Promise<number>> {
  const { redis, keys } = system();
  const asked = fetch(`${url}/first?ms=${ms}`);
  await expect.poll(() => redis.llen(keys.unfinished('S1').active)).toBe(1);
  return async () => (await asked).status;
}

async function waitingJob(): Promise<string> {
  const { redis, keys } = system();
  const { wait } = keys.unfinished('S1');
  await expect.poll(() => redis.llen(wait)).toBe(1);
  return (await redis.lindex(wait, 0)) ?? '';
}

const pidOf = async ({ redis, keys }: System, name = 'S1'): Promise<unknown> =>
  (JSON.parse((await redis.get(keys.lease(name))) ?? '{}') as { pid?: number }).pid;

const spoilings: [string, (system: System, key: string) => Promise<unknown>][] = [
  ['is not JSON', ({ redis }, key) => redis.hset(key, 'data', 'garbled')],
  ['has data of the wrong shape', ({ redis }, key) => redis.hset(key, { data: '{"method":1}' })],
  ['is of the wrong type', ({ redis }, key) => redis.multi().del(key).set(key, 'garbled').exec()],
  ['has an invalid body', ({ redis }, key) => spoilBody(redis, key)],
];

async function spoilBody(redis: System['redis'], key: string): Promise<unknown> {
  const data = JSON.parse((await redis.hget(key, 'data')) ?? '{}') as object;
  return redis.hset(key, 'data', JSON.stringify({ ...data, body: { text: 5 } }));
}

describe.each(consumers)('a job that cannot be read, with the %s consumer,', (consumer) => {
  it.each(spoilings)('and %s is moved aside, and its client gets 502 at once', async (_, spoil) => {
    const running = await start({ CONSUMER: consumer });
    const { redis, keys } = system();
    const pid = await pidOf(system());
    const first = await occupy(running, 700);
    const spoiled = fetch(`${running.url}/spoiled`);
    const id = await waitingJob();
    const other = fetch(`${running.url}/other`, { method: 'POST' });
    await expect.poll(() => redis.llen(keys.unfinished('S1').wait)).toBe(2);
    await spoil(system(), keys.job('S1', id));
    expect(await first()).toBe(200);
    const from = performance.now();
    const answer = await spoiled;
    expect(answer.status).toBe(502);
    expect(await answer.json()).toMatchObject({ code: 'outcome_unknown' });
    expect(performance.now() - from).toBeLessThan(2500);
    expect((await other).status).toBe(200);
    await expect.poll(() => asideOf(system(), keys.job('S1', id))).toEqual([expect.stringContaining(id)]);
    const [aside = ''] = await asideOf(system(), keys.job('S1', id));
    expect(await redis.pttl(aside)).toBeGreaterThan(86_400_000);
    expect(await redis.exists(keys.job('S1', id), keys.jobLock('S1', id))).toBe(0);
    // The stock consumer finishes a job after its answer was sent.
    await expect.poll(() => redis.llen(keys.unfinished('S1').active)).toBe(0);
    expect(await pidOf(system())).toBe(pid);
  });

  it('and has a record ends as failed, with a dead letter and its callback state', async () => {
    const running = await start({ CONSUMER: consumer });
    const { url } = running;
    const first = await occupy(running, 600);
    const accepted = await fetch(`${url}/later`, { method: 'POST', headers: { prefer: 'respond-async' } });
    const { id } = (await accepted.json()) as RequestView;
    const { redis, keys } = system();
    await redis.hset(keys.job('S1', id), 'data', '[]');
    expect(await first()).toBe(200);
    const view = async (): Promise<RequestView> =>
      (await (await fetch(`${url}/-/requests/${id}`)).json()) as RequestView;
    await expect.poll(async () => (await view()).state, { timeout: 3000 }).toBe('failed');
    expect(await view()).toMatchObject({
      code: 'outcome_unknown',
      status: 502,
      method: 'POST',
      target: '/later',
    });
    const letter = async (): Promise<unknown> => (await fetch(`${url}/-/dead-letters/${id}`)).json();
    // The letter is filed after the request's end.
    await expect.poll(letter).toMatchObject({ code: 'outcome_unknown', target: '/later', request: null });
    const redrive = await fetch(`${url}/-/dead-letters/${id}/redrive`, { method: 'POST' });
    expect(redrive.status).toBe(410);
  });

  it('and that a dead worker held does not keep the next worker from starting', async () => {
    const running = await start({ CONSUMER: consumer, FAILOVER_MS: '20000' });
    const { redis, keys } = system();
    const held = fetch(`${running.url}/held?ms=60000`, { method: 'POST' });
    const { active } = keys.unfinished('S1');
    await expect.poll(() => redis.llen(active)).toBe(1);
    const id = (await redis.lindex(active, 0)) ?? '';
    await redis.multi().del(keys.job('S1', id)).set(keys.job('S1', id), 'garbled').exec();
    process.kill(Number(await pidOf(system())), 'SIGKILL');
    expect((await held).status).toBe(502);
    expect((await fetch(`${running.url}/next`)).status).toBe(200);
    await expect.poll(() => redis.llen(active)).toBe(0);
  });
});

describe('a name in `desired`', () => {
  it('that is invalid is moved aside, and the ring stays as it is', async () => {
    const { url } = await start({ REPLICAS: '2' });
    const { redis, keys } = system();
    await redis.hset(keys.desired, '-bad name', '{"name":"-bad name","joined":9,"weight":1}');
    await redis.hset(keys.ring, 'no/name', '1');
    await redis.hset(keys.retired, '\u0000', 'x');
    await expect.poll(() => asideOf(system(), keys.desired)).toHaveLength(3);
    expect(await redis.hkeys(keys.desired)).toEqual(['S1', 'S2']);
    expect(await redis.hlen(keys.retired)).toBe(0);
    const fields = await Promise.all(
      (await asideOf(system(), keys.desired)).map((key) => redis.hgetall(key)),
    );
    expect(new Set(fields.map(({ member }) => member))).toEqual(new Set(['\u0000', '-bad name', 'no/name']));
    expect((await fetch(`${url}/x`)).status).toBe(200);
  });

  it.each(['garbled', '{}', '{"name":"S1","joined":1,"weight":1}', '{"name":"S2","joined":0,"weight":1}'])(
    'whose entry is %s keeps its place and its worker',
    async (text) => {
      const { gateway } = await start({ REPLICAS: '2', RING: 'assignment' });
      const { redis, keys } = system();
      const before = await redis.hget(keys.desired, 'S2');
      const pids = await Promise.all(['S1', 'S2'].map((name) => pidOf(system(), name)));
      const { losses } = gateway.watcher;
      await redis.hset(keys.desired, 'S2', text);
      await expect.poll(() => redis.hget(keys.desired, 'S2')).toBe(before);
      await expect.poll(() => asideOf(system(), keys.desired)).not.toEqual([]);
      expect(await Promise.all(['S1', 'S2'].map((name) => pidOf(system(), name)))).toEqual(pids);
      expect(await desiredOf(system())).toEqual(['S1', 'S2']);
      expect(gateway.watcher.losses).toBe(losses);
      expect(keyOf(gateway, 'S2')).not.toBe('key');
    },
  );

  it('gets another place if its place is taken', async () => {
    const { gateway } = await start({ REPLICAS: '2', RING: 'assignment' });
    const { redis, keys } = system();
    // ring-store.ts writes it so.
    const first = JSON.parse((await redis.hget(keys.desired, 'S1')) ?? '{}') as object;
    const second = JSON.parse((await redis.hget(keys.desired, 'S2')) ?? '{}') as object;
    const slots = { slots: (first as { slots?: unknown }).slots };
    await redis.hset(keys.desired, 'S2', JSON.stringify({ ...second, ...slots }));
    await expect.poll(() => gateway.watcher.ring.members.map(({ name }) => name)).toEqual(['S1', 'S2']);
    expect(gateway.watcher.stale).toBe(false);
  });
});

describe('data that a gateway reads', () => {
  it('about a request, its answer or its key is moved aside if it cannot be read', async () => {
    const { url } = await start();
    const { redis, keys } = system();
    const post = (): Promise<Response> =>
      fetch(`${url}/once`, { method: 'POST', headers: { 'idempotency-key': 'k' } });
    expect((await post()).status).toBe(200);
    const [claim = ''] = await redis.keys(`${keys.prefix}:idempotency:*`);
    for (const spoil of [
      () => redis.set(claim, 'garbled'),
      () => redis.multi().del(claim).lpush(claim, 'x').exec(),
    ]) {
      await spoil();
      expect((await post()).status).toBe(200);
    }
    const accepted = await fetch(`${url}/a`, { headers: { prefer: 'respond-async, wait=5' } });
    const id = accepted.headers.get('ringpost-request') ?? '';
    await redis.set(keys.keptReply('S1', id), 'garbled');
    expect((await fetch(`${url}/-/requests/${id}/reply`)).status).toBe(410);
    await redis.hset(keys.request('S1', id), 'accepted', 'garbled');
    expect((await fetch(`${url}/-/requests/${id}`)).status).toBe(404);
    const other = requestId(randomUUID(), 'S1');
    await redis.set(keys.request('S1', other), 'garbled');
    expect((await fetch(`${url}/-/requests/${other}`)).status).toBe(404);
    expect(await asideOf(system(), keys.request('S1', id))).toHaveLength(3);
  });

  it('about dead letters is moved aside if it cannot be read, and the others are shown', async () => {
    const { url } = await start();
    const { redis, keys } = system();
    const ids = Array.from({ length: 3 }, () => requestId(randomUUID(), 'S1'));
    const [garbled = '', foreign = '', half = ''] = ids;
    await redis.hset(keys.deadLetter(garbled), 'summary', 'garbled', 'job', '{}');
    await redis.set(keys.deadLetter(foreign), 'garbled');
    await redis.hset(keys.deadLetter(half), 'job', 'garbled');
    for (const [at, id] of ids.entries()) await redis.zadd(keys.deadLetters, at + 1, id);
    const list = await fetch(`${url}/-/dead-letters`);
    expect([list.status, await list.json()]).toEqual([200, { letters: [], next: null }]);
    expect((await fetch(`${url}/-/dead-letters/${half}`)).status).toBe(404);
    await redis.set(keys.deadLetters, 'garbled');
    expect((await fetch(`${url}/-/dead-letters`)).status).toBe(200);
    expect(await asideOf(system(), keys.deadLetters)).toHaveLength(4);
  });

  it('in its inboxes is moved aside if it is not a frame, or not a list', async () => {
    const running = await start();
    const { redis, keys } = system();
    expect((await fetch(`${running.url}/a`)).status).toBe(200);
    const connections = String(await redis.client('LIST'));
    const name = new RegExp(`name=${system().namespace}:gateway:([^:]+):`).exec(connections)?.[1] ?? '';
    for (const frame of ['garbled', '{}\n', '{"id":"x","status":"200","headers":[]}\n'])
      await redis.rpush(keys.inbox('S1', name), frame);
    await expect.poll(() => asideOf(system(), keys.inbox('S1', name))).toHaveLength(3);
    for (const key of [keys.inbox('S1', name), keys.wake(name)]) {
      await redis.multi().del(key).set(key, 'garbled').exec();
      expect((await fetch(`${running.url}/b`)).status).toBe(200);
    }
  });

  it('about the state of a replica is moved aside, and the controller writes it again', async () => {
    const { url } = await start();
    const { redis, keys } = system();
    const state = (): Promise<string | null> => redis.hget(keys.status, 'S1');
    // A replica is in the ring shortly before its state says that it is ready.
    await expect.poll(state).toContain('"ready"');
    const before = await state();
    await redis.hset(keys.status, 'S1', 'garbled');
    expect((await fetch(`${url}/-/ring`)).status).toBe(200);
    await expect.poll(state).toBe(before);
  });
});

it('garbled parameters of the ring are moved aside at the start', async () => {
  const { redis, keys } = system();
  await redis.set(keys.parameters, 'garbled');
  const { url, stop } = await start();
  expect((await fetch(`${url}/x`)).status).toBe(200);
  await stop();
  await redis.multi().del(keys.parameters).lpush(keys.parameters, 'x').exec();
  await redis.set(keys.fence, 'garbled');
  await redis.set(keys.generation('S1'), 'garbled');
  await redis.set(keys.offered, 'garbled');
  const again = await start();
  await expect.poll(async () => (await fetch(`${again.url}/x`)).status).toBe(200);
});
