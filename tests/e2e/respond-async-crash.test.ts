import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createKeys } from '#shared/keys.ts';
import { ownRedis } from '../fixtures/own-redis.ts';
import { useScratch } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';
import { leaseOf, useWorkers } from '../fixtures/workers.ts';

const scratch = useScratch();
const system = useSystem();
const workers = useWorkers();
const count = 200;

interface Known {
  readonly state: string;
  readonly code?: string;
}

it('what was answered 202 is done, and its answer can be fetched, though gateway, workers and Redis are killed', async () => {
  const own = await ownRedis();
  const settings = {
    REDIS_URL: own.url,
    HANDLER: workers.handler,
    LEDGER: workers.ledger(),
    CONCURRENCY: '8',
  };
  const { url } = await system().start({ ...settings, REPLICAS: '2' });
  const { namespace } = system();
  const { startReady } = await scratch();
  const doomed = await startReady({ ...settings, ROLE: 'gateway', NAMESPACE: namespace });
  await expect.poll(async () => (await fetch(`${doomed.url}/-/ready`)).status, { timeout: 5000 }).toBe(200);
  const accepted = await Promise.all(
    Array.from({ length: count }, async (_, at) => {
      const method = at % 2 === 0 ? 'GET' : 'POST';
      const response = await fetch(`${doomed.url}/work-${at}?ms=100`, {
        method,
        headers: { prefer: 'respond-async' },
      });
      expect(response.status).toBe(202);
      await response.arrayBuffer();
      return { at, method, location: response.headers.get('location') ?? '' };
    }),
  );
  doomed.kill('SIGKILL');
  await doomed.exited;
  await delay(200);
  const broken = { ...system(), redis: own.redis, keys: createKeys(namespace) };
  process.kill((await leaseOf(broken, 'S1'))?.pid ?? 0, 'SIGKILL');
  await delay(300);
  await own.kill();
  await delay(500);
  await own.restart();
  const ends = await Promise.all(
    accepted.map(async ({ at, method, location }) => {
      let known: Known = { state: 'unknown' };
      for (let times = 0; times < 20 && !['done', 'failed'].includes(known.state); times += 1) {
        const response = await fetch(`${url}${location}?wait=5`);
        if (response.status === 200) known = (await response.json()) as Known;
        else await delay(200);
      }
      const reply = await fetch(`${url}${location}/reply`);
      await reply.arrayBuffer();
      return { at, end: `${method} ${known.state} ${known.code ?? ''} ${reply.status}` };
    }),
  );
  const counts = Map.groupBy(ends, ({ end }) => end);
  console.log(`202, then killed: ${JSON.stringify([...counts].map(([end, some]) => [end, some.length]))}`);
  const allowed = ['GET done  200', 'POST done  200', 'POST failed outcome_unknown 502'];
  expect([...counts.keys()].filter((end) => !allowed.includes(end))).toEqual([]);
  const runs = await workers.runs();
  for (const { at, end } of ends) {
    const times = runs.filter((line) => line.includes(`/work-${at} `)).length;
    if (end === 'POST done  200') expect(times).toBe(1);
    if (end.startsWith('POST failed')) expect(times).toBeLessThanOrEqual(1);
    if (end.startsWith('GET')) expect(times).toBeGreaterThanOrEqual(1);
  }
});
