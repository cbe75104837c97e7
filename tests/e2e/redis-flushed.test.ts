import { expect, it } from 'vitest';
import type { RingView } from '#shared/contract/ring-view.ts';
import { createKeys } from '#shared/store/keys/keys.ts';
import { add, callJson } from '../fixtures/admin-calls.ts';
import { mixedLoad, doubledPosts, tally } from '../fixtures/mixed-load.ts';
import { ownRedis } from '../fixtures/own-redis.ts';
import { handlerFile, useScratch } from '../fixtures/scratch.ts';

const scratch = useScratch();

/** A line of a log. */
interface Line {
  readonly level: number;
  readonly msg: string;
  readonly count?: number;
  readonly replicas?: readonly string[];
}

it('reports what a flush of Redis under load lost, and serves everything again within 3 s', async () => {
  const own = await ownRedis();
  const ledger = `${own.directory}/ledger`;
  const { startReady } = await scratch();
  const command = await startReady({
    REDIS_URL: own.url,
    REPLICAS: '2',
    HANDLER: handlerFile('ledger'),
    LEDGER: ledger,
    CONCURRENCY: '4',
  });
  const { url } = command;
  expect((await add(url, 1, ['S9'])).status).toBe(200);
  expect((await callJson('PUT', `${url}/-/api/replicas/S2/weight`, { weight: 3 })).status).toBe(200);
  const load = mixedLoad(url, { gets: 40, posts: 4, ms: 200 });
  const { wait } = createKeys('ringpost').unfinished('S1');
  await expect.poll(() => own.redis.llen(wait), { timeout: 10_000 }).toBeGreaterThan(2);
  await own.redis.flushall();
  const flushed = performance.now();
  await expect
    .poll(async () => (await fetch(`${url}/probe`, { signal: AbortSignal.timeout(5000) })).status, {
      timeout: 3000,
      interval: 20,
    })
    .toBe(200);
  expect(performance.now() - flushed).toBeLessThan(3000);
  await expect
    .poll(async () => (await (await fetch(`${url}/rep`)).json()) as object, { timeout: 3000 })
    .toMatchObject({ message: { replicas: ['S1', 'S2'] } });
  // The controller remembers the weights.
  const { replicas } = (await (await fetch(`${url}/-/ring`)).json()) as RingView; // as the route answers
  expect(replicas.map(({ name, weight }) => `${name} ${weight}`)).toEqual(['S1 1', 'S2 3']);
  const answers = await load.stop();
  const allowed = [
    'GET 200',
    'GET 503 no_replica',
    'POST 200',
    'POST 502 outcome_unknown',
    'POST 503 no_replica',
  ];
  console.log(`flushed: ${JSON.stringify(tally(answers))}`);
  expect(Object.keys(tally(answers)).filter((kind) => !allowed.includes(kind))).toEqual([]);
  // Requests accepted before the flush are answered: dispatched again, or told that they are lost.
  const accepted = answers.filter(({ asked, took }) => asked < flushed && asked + took > flushed);
  expect(accepted.filter(({ method, status }) => method === 'GET' && status !== 200)).toEqual([]);
  expect(await doubledPosts(ledger)).toEqual([]);
  const lines = command
    .stderr()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line); // as pino writes them
  const warned = lines.filter(({ level }) => level === 40);
  expect(warned).toContainEqual(
    expect.objectContaining({
      msg: 'Redis has lost the ring, the desired replicas and their queues; made anew from REPLICAS=2',
      replicas: ['S1', 'S2', 'S9'],
    }),
  );
  expect(warned).toContainEqual(
    expect.objectContaining({
      msg: 'Redis has lost these replicas, which /add had added; add them again',
      replicas: ['S9'],
    }),
  );
  const lost = warned.filter(({ msg }) => msg === 'requests that wait are lost');
  expect(lost.length).toBeGreaterThan(0);
  expect(lost.every(({ count = 0 }) => count > 0)).toBe(true);
  // No worker runs for the lost replica any more, and it can be added again.
  await expect.poll(() => own.redis.exists(createKeys('ringpost').lease('S9')), { timeout: 10_000 }).toBe(0);
  expect((await add(url, 1, ['S9'])).status).toBe(200);
  command.kill('SIGTERM');
  expect((await command.exited).code).toBe(0);
});
