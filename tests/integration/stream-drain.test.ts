import { expect, it } from 'vitest';
import { handlerFile } from '../fixtures/scratch.ts';
import { stream } from '../fixtures/streamed-answer.ts';
import { useSystem } from '../fixtures/system.ts';
import { useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();

/** Starts a worker by hand, which another process does not stop, and its gateway. */
async function start() {
  const settings = { HANDLER: handlerFile('ticking'), DRAIN_TIMEOUT_MS: '6000' };
  const worker = await workers.start(system(), 'S1', settings);
  const { url, gateway } = await system().start({ REPLICAS: '1', REPLICA_DRIVER: 'none' });
  await gateway.watcher.until(({ ring }) => ring.size === 1, 20_000);
  /** Begins a request that is running for so long. */
  const run = async (ms: number): Promise<{ readonly answered: Promise<Response> }> => {
    const { redis, keys } = system();
    const answered = fetch(`${url}/whole?whole=${ms}`);
    await expect.poll(() => redis.llen(keys.unfinished('S1').active)).toBe(1);
    return { answered };
  };
  return { url, worker, run };
}

it('streams are broken off in time, although other requests end late', async () => {
  const { url, worker, run } = await start();
  const answer = await stream(url, '/events');
  const { answered } = await run(2500);
  worker.kill('SIGTERM');
  expect((await answered).status).toBe(200);
  expect(await answer.ended).toBe('broken');
  expect((await worker.exited).code).toBe(0);
});

it('a stream that can go on is left at once, and not after other requests', async () => {
  const { url, worker, run } = await start();
  const { redis, keys } = system();
  const headers = { prefer: 'respond-async', 'ringpost-retry': 'always' };
  expect((await fetch(`${url}/events`, { headers })).status).toBe(202);
  await expect.poll(() => redis.scard(keys.streams('S1'))).toBe(1);
  const { answered } = await run(1500);
  worker.kill('SIGTERM');
  expect((await answered).status).toBe(200);
  expect((await worker.exited).code).toBe(0);
  expect(await workers.runs()).toEqual([`${worker.pid} /events`, `${worker.pid} /whole`]);
});

it('a stream that begins while its worker stops is left, or broken off in time', async () => {
  const { url, worker } = await start();
  const { redis, keys } = system();
  const headers = { prefer: 'respond-async', 'ringpost-retry': 'always' };
  expect((await fetch(`${url}/late?after=500`, { headers })).status).toBe(202);
  await expect.poll(() => redis.llen(keys.unfinished('S1').active)).toBe(1);
  const answering = stream(url, '/later?after=500');
  await expect.poll(() => redis.llen(keys.unfinished('S1').active)).toBe(2);
  worker.kill('SIGTERM');
  const answer = await answering;
  expect(await answer.ended).toBe('broken');
  expect((await worker.exited).code).toBe(0);
  expect(await workers.runs()).toEqual([`${worker.pid} /late`, `${worker.pid} /later`]);
});
