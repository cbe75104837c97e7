import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { RingView } from '#shared/contract/ring-view.ts';
import type { RequestView } from '#shared/contract/views.ts';
import type { Waiter } from '../../gateway/dispatch/waiter.ts';
import { Waiters } from '../../gateway/dispatch/waiters.ts';
import { keyOf } from '../fixtures/ring-keys.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';

const system = useSystem();
const HANDLER = fileURLToPath(new URL('../fixtures/handlers/ledger.ts', import.meta.url));

afterEach(() => void vi.restoreAllMocks());

interface Answered {
  readonly status: number;
  readonly replica: string | null;
  readonly spilledFrom: string | null;
  readonly id: string;
  readonly headers: Headers;
  readonly text: string;
}

/** Sends a request whose handler takes `ms`. */
async function ask(
  url: string,
  key: string | undefined,
  ms: number,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Answered> {
  const keyed = key === undefined ? headers : { 'ringpost-key': key, ...headers };
  const response = await fetch(`${url}/x?ms=${ms}`, { method, headers: keyed });
  return {
    status: response.status,
    replica: response.headers.get('ringpost-replica'),
    spilledFrom: response.headers.get('ringpost-spilled-from'),
    id: response.headers.get('ringpost-request') ?? '',
    headers: response.headers,
    text: await response.text(),
  };
}

const times = <Value>(count: number, make: () => Promise<Value>): Promise<Value[]> =>
  Promise.all(Array.from({ length: count }, make));

const strict = { 'ringpost-affinity': 'strict' };
const loose = { 'ringpost-affinity': 'loose' };

/** @returns the owner of the key `hot`, then the other replicas as they are asked. */
const walkOf = ({ gateway }: RunningGateway): readonly string[] => [
  ...gateway.watcher.ring.successors('hot'),
];

/** @returns how many jobs wait and run at a replica. */
async function loadOf(replica: string): Promise<number> {
  const { redis, keys } = system();
  const { wait, active } = keys.unfinished(replica);
  return (await redis.llen(wait)) + (await redis.llen(active));
}

describe('a hot key', () => {
  const burst = 30;

  it('spills with AFFINITY=loose to the successors of its key, and no replica gets past its cap', async () => {
    const started = await system().start({ REPLICAS: '4', CONCURRENCY: '2', AFFINITY: 'loose', HANDLER });
    const { url } = started;
    const [owner = '', ...others] = walkOf(started);
    const answers = await times(burst, () => ask(url, 'hot', 200));
    const by = Map.groupBy(answers, ({ replica }) => replica ?? '');
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    // At the end of the burst, the cap was 1.5 * 30 / 4, rounded up.
    for (const [replica, some] of by) expect(some.length, replica).toBeLessThanOrEqual(12);
    expect([...by.keys()].toSorted()).toEqual([owner, ...others.slice(0, by.size - 1)].toSorted());
    expect(by.size).toBeGreaterThanOrEqual(3);
    for (const { replica, spilledFrom, id } of answers) {
      expect(spilledFrom).toBe(replica === owner ? null : owner);
      expect(id.endsWith(`.${replica}`)).toBe(true);
    }
    // The log and the metrics say the same.
    const metrics = await (await fetch(`${url}/-/metrics`)).text();
    const counted = Array.from(metrics.matchAll(/^ringpost_spilled_total\{from="(.+)",to="(.+)"\} (\d+)$/gm));
    expect(new Map(counted.map(([, from, to, count]) => [`${from} ${to}`, Number(count)]))).toEqual(
      new Map(
        [...by].flatMap(([replica, some]) =>
          replica === owner ? [] : [[`${owner} ${replica}`, some.length]],
        ),
      ),
    );
    expect(metrics).toMatch(/^ringpost_replica_load\{replica="S\d"\} \d+$/m);
    // Once the load is gone, the key is at its owner again.
    await expect.poll(async () => (await ask(url, 'hot', 0)).replica).toBe(owner);
  });

  it.each([
    ['AFFINITY=strict', 'strict', {}],
    ['Ringpost-Affinity: strict', 'loose', strict],
    ['Ringpost-Order: key', 'loose', { 'ringpost-order': 'key', ...loose }],
  ] as const)('stays with its owner with %s', async (_, AFFINITY, headers) => {
    const started = await system().start({ REPLICAS: '2', CONCURRENCY: '2', AFFINITY, HANDLER });
    const [owner] = walkOf(started);
    const answers = await times(burst, () => ask(started.url, 'hot', 20, headers));
    for (const { status, replica, spilledFrom } of answers)
      expect([status, replica, spilledFrom]).toEqual([200, owner, null]);
  });

  it('spills at another gateway to the same replica, by the CONCURRENCY that the workers have', async () => {
    const one = await system().start({ REPLICAS: '3', CONCURRENCY: '2', HANDLER });
    const two = await system().start({ ROLE: 'gateway', CONCURRENCY: '1000', AFFINITY: 'loose' });
    const [owner = '', next = ''] = walkOf(one);
    const running = times(12, () => ask(one.url, 'hot', 500));
    await expect.poll(() => loadOf(owner)).toBe(12);
    // The first request that may spill makes a gateway ask for the loads.
    await ask(two.url, keyOf(two.gateway, next), 0);
    const there = await ask(two.url, 'hot', 0);
    expect([there.replica, there.spilledFrom]).toEqual([next, owner]);
    const spilled = await ask(one.url, 'hot', 0, loose);
    expect([spilled.replica, spilled.spilledFrom]).toEqual([next, owner]);
    await running;
  });
});

it('/-/ring?key= shows the loads and caps, and says why a replica is passed or taken', async () => {
  const started = await system().start({ REPLICAS: '2', CONCURRENCY: '2', HANDLER });
  const { url } = started;
  const [owner = '', next] = walkOf(started);
  const running = times(8, () => ask(url, 'hot', 500));
  await expect.poll(() => loadOf(owner)).toBe(8);
  const { key } = (await (await fetch(`${url}/-/ring?key=hot`)).json()) as RingView; // as the route answers
  expect(key?.loads).toMatchObject({ affinity: 'strict', bound: 1.5, load: 8, takenBy: next });
  expect(key?.loads?.candidates).toEqual([
    {
      name: owner,
      weight: 1,
      concurrency: 2,
      load: 8,
      cap: 7,
      outcome: 'passed',
      why: 'It has 8 requests, and its cap is 7.',
    },
    {
      name: next,
      weight: 1,
      concurrency: 2,
      load: 0,
      cap: 7,
      outcome: 'taken',
      why: 'It has 0 requests, below its cap of 7.',
    },
  ]);
  await running;
});

describe('an async request that has spilled', () => {
  /** Starts a system whose owner of `hot` is busy for a second or so. */
  async function startBusy(): Promise<{ url: string; owner: string; next: string; done: Promise<unknown> }> {
    const started = await system().start({ REPLICAS: '2', CONCURRENCY: '2', HANDLER });
    const [owner = '', next = ''] = walkOf(started);
    const done = times(8, () => ask(started.url, 'hot', 300));
    await expect.poll(() => loadOf(owner)).toBe(8);
    return { url: started.url, owner, next, done };
  }

  it('has its idempotency key: a repeat finds it, wherever it would go itself', async () => {
    const { url, owner, next, done } = await startBusy();
    const keyed = { ...loose, 'idempotency-key': 'pay-1' };
    const first = await ask(url, 'hot', 10, keyed, 'POST');
    expect([first.status, first.replica, first.spilledFrom]).toEqual([200, next, owner]);
    await done;
    const repeats = [await ask(url, 'hot', 10, keyed, 'POST')];
    repeats.push(await ask(url, 'hot', 10, { ...keyed, ...strict }, 'POST'));
    for (const repeat of repeats) {
      expect(repeat.headers.get('idempotent-replayed')).toBe('true');
      expect([repeat.id, repeat.replica, repeat.spilledFrom]).toEqual([first.id, next, owner]);
      expect(repeat.text).toBe(first.text);
    }
    const metrics = await (await fetch(`${url}/-/metrics`)).text();
    expect(metrics).toContain(`ringpost_spilled_total{from="${owner}",to="${next}"} 1\n`);
  });

  it('is found and cancelled by its id; record, answer and timeline say where it came from', async () => {
    const { url, owner, next, done } = await startBusy();
    const async = { ...loose, prefer: 'respond-async' };
    const accepted = await ask(url, 'hot', 10, async);
    expect([accepted.status, accepted.replica, accepted.spilledFrom]).toEqual([202, next, owner]);
    const at = `${url}/-/requests/${accepted.id}`;
    const view = (await (await fetch(`${at}?wait=5`)).json()) as RequestView; // as the route answers
    expect(view).toMatchObject({ state: 'done', replica: next, spilledFrom: owner });
    expect((await fetch(`${at}/reply`)).headers.get('ringpost-spilled-from')).toBe(owner);
    const timeline = await (await fetch(`${url}/-/api/requests/${accepted.id}`)).text();
    expect(timeline).toContain(`queue of ${next}, since ${owner}, the owner of its key, was overloaded.`);
    const long = await ask(url, 'hot', 20_000, async);
    expect(long.spilledFrom).toBe(owner);
    const cancelled = await fetch(`${url}/-/requests/${long.id}`, { method: 'DELETE' });
    expect(await cancelled.json()).toMatchObject({ replica: next, spilledFrom: owner });
    await expect
      .poll(async () => (await fetch(`${url}/-/requests/${long.id}?wait=1`)).json())
      .toMatchObject({ state: 'cancelled' });
    await done;
  });
});

it('a spilled request that Redis has lost is placed anew, and its owner gets it if that is free', async () => {
  const started = await system().start({ REPLICAS: '2', CONCURRENCY: '1', HANDLER });
  const { url } = started;
  const [owner = '', next = ''] = walkOf(started);
  const { redis, keys } = system();
  const blocking = ask(url, keyOf(started.gateway, next), 4000);
  await expect.poll(() => loadOf(next)).toBe(1);
  const busy = times(24, () => ask(url, 'hot', 50));
  await expect.poll(() => loadOf(owner), { interval: 10 }).toBeGreaterThanOrEqual(20);
  const lost = ask(url, 'hot', 0, loose);
  const tooLong = ask(url, 'hot', 20_000, { ...loose, prefer: 'wait=7' });
  const { wait } = keys.unfinished(next);
  await expect.poll(() => redis.llen(wait)).toBe(2);
  for (const id of await redis.lrange(wait, 0, -1)) {
    expect(id.endsWith(`.${next}`)).toBe(true);
    await redis.multi().del(keys.job(next, id)).lrem(wait, 0, id).exec();
  }
  const answer = await lost;
  expect([answer.status, answer.replica, answer.spilledFrom]).toEqual([200, owner, null]);
  // Its id still names the first replica, and leads to its record.
  const expired = await tooLong;
  expect([expired.status, expired.replica]).toEqual([504, owner]);
  const known = await fetch(`${url}/-/requests/${expired.id}`);
  expect(await known.json()).toMatchObject({ state: 'expired' });
  await Promise.all([busy, blocking]);
});

it('a loose request stays with its owner after a loss, however often it is dispatched again', async () => {
  const started = await system().start({ REPLICAS: '2', CONCURRENCY: '1', HANDLER });
  const { url, gateway } = started;
  const [owner = '', next = ''] = walkOf(started);
  const { redis, keys } = system();
  const blocking = ask(url, keyOf(gateway, next), 1500);
  const busy = times(12, () => ask(url, 'hot', 150));
  await expect.poll(async () => [await loadOf(owner), await loadOf(next)], { interval: 10 }).toEqual([12, 1]);
  const added = vi.spyOn(Waiters.prototype, 'add');
  const asked = ask(url, 'hot', 0, loose);
  const { wait } = keys.unfinished(next);
  await expect.poll(() => redis.llen(wait)).toBe(1);
  for (const id of await redis.lrange(wait, 0, -1))
    await redis.multi().del(keys.job(next, id)).lrem(wait, 0, id).exec();
  for (const isLoss of [true, false]) {
    const waiter: Waiter = added.mock.results.at(-1)?.value; // as the method returns
    await expect.poll(() => waiter.state).toBe('waiting');
    gateway.dispatcher.redispatch(waiter, isLoss);
  }
  const placed = added.mock.calls.map(([{ replica, spilledFrom }]) => [replica, spilledFrom]);
  expect(placed).toEqual([
    [next, owner],
    [owner, undefined],
    [owner, undefined],
  ]);
  const answer = await asked;
  expect([answer.status, answer.replica]).toEqual([200, owner]);
  await Promise.all([busy, blocking]);
});

it('a request with a random key avoids a busy replica, without a loose request', async () => {
  const started = await system().start({ REPLICAS: '2', CONCURRENCY: '20', HANDLER });
  const [busy = ''] = walkOf(started);
  const running = times(20, () => ask(started.url, 'hot', 3000));
  await expect.poll(() => loadOf(busy)).toBe(20);
  const asked: Promise<Answered>[] = [];
  // Those at the busy replica wait. The others are answered, so that the load of theirs stays low.
  while (asked.length < 60) {
    const answer = ask(started.url, undefined, 0);
    asked.push(answer);
    await Promise.race([answer, delay(15)]);
  }
  const answers = await Promise.all(asked);
  for (const { status, spilledFrom } of answers) expect([status, spilledFrom]).toEqual([200, null]);
  // Both choices are the busy one for a quarter of them.
  expect(answers.filter(({ replica }) => replica === busy).length).toBeLessThan(27);
  await running;
});
