import { expect, it } from 'vitest';
import type { Lease } from '#shared/contract/lease.ts';
import { dockerPs, engine } from '../fixtures/docker-engine.ts';
import { change, untilRep } from '../fixtures/docker-http.ts';
import { startPacedLoad } from '../fixtures/docker-paced-load.ts';
import { useDockerSystem } from '../fixtures/docker-system.ts';

const system = useDockerSystem();
const withinMs = 60_000;
const kills = 20;
const perSecond = 200;

it('every request is answered 200 while replicas are killed', { timeout: 400_000 }, async () => {
  const { startController, startGateway, leaseOf, namespace } = await system();
  const five = ['S1', 'S2', 'S3', 'S4', 'S5'];
  await startController({ REPLICAS: '5', LOG_LEVEL: 'warn' });
  const { url } = await startGateway({ LOG_LEVEL: 'warn' });
  await untilRep(url, five, withinMs);
  const load = startPacedLoad(url, perSecond);
  await expect.poll(() => load.sent(), { timeout: withinMs }).toBeGreaterThan(perSecond);
  const times: number[] = [];
  for (let at = 0; at < kills; at += 1) {
    const name = five[at % five.length] ?? '';
    const before = await leaseOf(name);
    expect(before?.state).toBe('ready');
    const killed = performance.now();
    await engine.getContainer(name).kill();
    let after: Lease | undefined;
    await expect
      .poll(
        async () => {
          after = await leaseOf(name);
          return after?.state === 'ready' && after.generation > (before?.generation ?? 0);
        },
        { timeout: withinMs, interval: 5 },
      )
      .toBe(true);
    times.push(performance.now() - killed);
    expect(after?.generation).toBe((before?.generation ?? 0) + 1);
    // Wait until this one is stable: two deaths within a second are a crash loop, which backs off.
    const stable = (after?.started ?? 0) + 2500;
    await expect.poll(() => Date.now(), { timeout: withinMs, interval: 20 }).toBeGreaterThan(stable);
  }
  const result = await load.stop();
  const sorted = times.map(Math.round).toSorted((a, b) => a - b);
  console.log(
    `${kills} kills under ${perSecond} requests/s: kill to ready median ${sorted[kills / 2]} ms, worst ` +
      `${sorted.at(-1)} ms (${sorted.join(' ')}); ${result.sent} requests, ` +
      `answers ${JSON.stringify(result.answers)}, p50 ${result.p50Ms} ms, p99 ${result.p99Ms} ms, ` +
      `slowest ${result.slowestMs} ms`,
  );
  expect(result.answers).toEqual({ 200: result.sent });
  await untilRep(url, five, withinMs);
  expect(await dockerPs(namespace)).toEqual(five);
});

it('one /add starts ten replicas in parallel', async () => {
  const { startController, startGateway, namespace } = await system();
  await startController({ REPLICAS: '1' });
  const { url } = await startGateway();
  await untilRep(url, ['S1'], withinMs);
  const began = performance.now();
  const added = await change(url, 'add', { n: 10 });
  const tookMs = Math.round(performance.now() - began);
  expect(added.status).toBe(200);
  expect(added.replicas).toHaveLength(11);
  const containers = await Promise.all(
    added.replicas.slice(1).map((name) => engine.getContainer(name).inspect()),
  );
  const created = containers.map(({ Created }) => Date.parse(Created));
  const started = containers.map(({ State }) => Date.parse(State.StartedAt));
  console.log(
    `/add of ten: ${tookMs} ms; created within ${Math.max(...created) - Math.min(...created)} ms, ` +
      `the last one running ${Math.max(...started) - Math.min(...created)} ms after the first was created`,
  );
  // All are created before the first one could be ready.
  expect(Math.max(...created)).toBeLessThan(Math.min(...started) + tookMs / 2);
  expect(await dockerPs(namespace)).toEqual(added.replicas.toSorted());
});
