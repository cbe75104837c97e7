import { expect, it } from 'vitest';
import { dockerPs } from '../fixtures/docker-engine.ts';
import { useDockerSystem } from '../fixtures/docker-system.ts';

const system = useDockerSystem();

it('the container of an idle replica is removed, and its first request starts it again', async () => {
  const { startLocal, namespace, keys, redis } = await system();
  const { url } = await startLocal({ REPLICAS: '2', LEASE_MS: '1500', SLEEP_AFTER_S: '2' });
  const running = (): Promise<string[]> => dockerPs(namespace);
  await expect.poll(running, { timeout: 60_000, interval: 200 }).toEqual([]);
  expect(await redis.get(keys.consumer('S1'))).toMatch(/^asleep 1 /);
  const asked = performance.now();
  const answer = await fetch(`${url}/home`, { headers: { 'ringpost-key': 'ada' } });
  console.log(`answered after ${Math.round(performance.now() - asked)} ms`);
  expect(answer.status).toBe(200);
  expect(await running()).toEqual([answer.headers.get('ringpost-replica')]);
});
