import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { OverviewView } from '#shared/contract/api/overview.ts';
import type { ApiReplicasView } from '#shared/contract/api/replicas.ts';
import type { ApiKeyView } from '#shared/contract/api/system.ts';
import { readApi } from '../fixtures/api-calls.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';

const system = useSystem();
const HANDLER = fileURLToPath(new URL('../fixtures/handlers/leaving.ts', import.meta.url));
const wait = { timeout: 30_000 };

/** Sends requests with the key `hot` that run or wait until the returned function is called. */
function hold({ url }: RunningGateway, requests: number): () => void {
  const left = new AbortController();
  for (let at = 0; at < requests; at += 1)
    void fetch(`${url}/x?ms=60000`, {
      headers: { 'ringpost-key': 'hot' },
      signal: left.signal,
    }).catch(() => undefined);
  return () => left.abort();
}

it('shows the load and the cap of each replica, spills, and where a key spills to', async () => {
  const running = await system().start({ REPLICAS: '3', CONCURRENCY: '2', HANDLER });
  const { url, gateway } = running;
  const [owner = '', next = '', last = ''] = gateway.watcher.ring.successors('hot');
  const key = (): Promise<ApiKeyView> => readApi<ApiKeyView>(url, '/-/api/key?key=hot');
  expect(await key()).toMatchObject({ loads: { takenBy: owner, load: 0 }, requests: null });

  const leave = hold(running, 12);
  const loads = async (): Promise<unknown> => {
    const { replicas } = await readApi<ApiReplicasView>(url, '/-/api/replicas');
    return Object.fromEntries(replicas.map(({ name, load, cap }) => [name, { load, cap }]));
  };
  // ceil(1.5 * 13 / 3)
  const cap = 7;
  await expect
    .poll(loads, wait)
    .toEqual({ [owner]: { load: 12, cap }, [next]: { load: 0, cap }, [last]: { load: 0, cap } });
  expect((await key()).loads).toMatchObject({
    affinity: 'strict',
    bound: 1.5,
    load: 12,
    takenBy: next,
    candidates: [
      { name: owner, load: 12, cap, outcome: 'passed', why: 'It has 12 requests, and its cap is 7.' },
      { name: next, load: 0, cap, outcome: 'taken' },
      { name: last, load: 0, cap, outcome: 'not asked' },
    ],
  });

  const spill = async (): Promise<OverviewView> => {
    const headers = { 'ringpost-key': 'hot', 'ringpost-affinity': 'loose' };
    await (await fetch(`${url}/x`, { headers })).text();
    return readApi<OverviewView>(url, '/-/api/overview');
  };
  const spilled = async (): Promise<unknown> => {
    const { sample, replicas } = await spill();
    const of = (name: string) => replicas.find((replica) => replica.name === name);
    return [
      (sample?.spilledPerS ?? 0) > 0,
      (of(owner)?.spilledOutPerS ?? 0) > 0,
      of(owner)?.spilledInPerS,
      (of(next)?.spilledInPerS ?? 0) > 0,
      of(next)?.spilledOutPerS,
      of(last)?.spilledInPerS,
    ];
  };
  await expect.poll(spilled, wait).toEqual([true, true, 0, true, 0, 0]);
  leave();
});

it('shows how many requests of a key run, and how many wait for one of these', async () => {
  const running = await system().start({ REPLICAS: '1', KEY_CONCURRENCY: '2', HANDLER });
  const leave = hold(running, 5);
  await expect
    .poll(async () => (await readApi<ApiKeyView>(running.url, '/-/api/key?key=hot')).requests, wait)
    .toEqual({ running: 2, waiting: 3 });
  leave();
});
