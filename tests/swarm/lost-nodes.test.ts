import { expect, it } from 'vitest';
import { ringReport, untilRep } from '../fixtures/docker-http.ts';
import { steadyLoad } from '../fixtures/swarm-load.ts';
import { containersOn, nodes, replicasOn, servicesOf, swarmNodes } from '../fixtures/swarm-nodes.ts';
import { useSwarmSystem } from '../fixtures/swarm-system.ts';
import type { SwarmSystem } from '../fixtures/swarm-system.ts';

const system = useSwarmSystem();
const withinMs = 90_000;
const six = ['S1', 'S2', 'S3', 'S4', 'S5', 'S6'];
const leaseMs = 3000;

async function start(current: SwarmSystem): Promise<string> {
  await current.startController({ REPLICAS: '6', LOG_LEVEL: 'info' });
  const { url } = await current.startGateway({ LOG_LEVEL: 'warn' });
  await untilRep(url, six, withinMs);
  return url;
}

/** @returns when each of these replicas has a newer worker that is ready, in ms from now. */
async function untilReplaced(
  { leaseOf }: SwarmSystem,
  before: ReadonlyMap<string, number>,
): Promise<Record<string, number>> {
  const began = performance.now();
  const times: Record<string, number> = {};
  await expect
    .poll(
      async () => {
        for (const [name, generation] of before) {
          const lease = await leaseOf(name);
          const isNew = lease?.state === 'ready' && lease.generation > generation;
          if (isNew) times[name] ??= Math.round(performance.now() - began);
        }
        return Object.keys(times).length;
      },
      { timeout: withinMs, interval: 10 },
    )
    .toBe(before.size);
  return times;
}

async function generationsOf(
  { leaseOf }: SwarmSystem,
  names: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const leases = await Promise.all(
    names.map(async (name) => [name, (await leaseOf(name))?.generation] as const),
  );
  return new Map(leases.map(([name, generation]) => [name, generation ?? 0]));
}

/** Waits until each node runs two replicas. */
async function untilSpread(namespace: string): Promise<void> {
  await expect
    .poll(async () => Object.values(await replicasOn(namespace)).map((names) => names.length), {
      timeout: 120_000,
      interval: 500,
    })
    .toEqual([2, 2, 2]);
}

it.for(['kill', 'cut'] as const)(
  'under 200 requests/s no GET fails when a node is lost (%s), and replicas spread again when it is back',
  async (how) => {
    const current = await system();
    const { namespace } = current;
    const url = await start(current);
    await untilSpread(namespace);
    const lost = (await replicasOn(namespace))['node3'] ?? [];
    const before = await generationsOf(current, lost);
    const load = steadyLoad(url, 200);
    await expect.poll(() => load.sent(), { timeout: withinMs }).toBeGreaterThan(400);

    await nodes(how, '3');
    const times = await untilReplaced(current, before);
    const after = await replicasOn(namespace);
    await expect
      .poll(async () => (await swarmNodes()).map(({ Status }) => Status.State).toSorted(), {
        timeout: withinMs,
        interval: 100,
      })
      .toEqual(['down', 'ready', 'ready']);
    await nodes(how === 'kill' ? 'engine' : 'join', '3');
    const back = performance.now();
    // What ran there before does not come back.
    await expect
      .poll(() => containersOn(3, namespace).catch(() => ['unknown']), { timeout: withinMs, interval: 100 })
      .not.toEqual(expect.arrayContaining([expect.stringMatching(/#1$|unknown/)]));
    const cleaned = Math.round(performance.now() - back);
    await untilSpread(namespace);
    const spread = Math.round(performance.now() - back);
    const result = await load.stop();
    console.log(
      `node lost (${how}): its replicas ${lost.join(' ')} answer again after ` +
        `${Object.values(times).join(' and ')} ms; old containers gone ${cleaned} ms, spread ${spread} ms ` +
        `after it is back; ${result.sent} requests, answers ${JSON.stringify(result.answers)}, ` +
        `p50 ${result.p50Ms} ms, p99 ${result.p99Ms} ms, slowest ${result.slowestMs} ms`,
    );
    expect(after['node3'] ?? []).toEqual([]);
    const { 'GET 200': gets = 0, 'POST 200': posts = 0, ...others } = result.answers;
    const { 'POST 502 outcome_unknown': unknown = 0, ...failed } = others;
    expect(failed).toEqual({});
    expect(gets + posts + unknown).toBe(result.sent);
    // A request waits for the replacement of its replica, and for no more.
    expect(Math.max(...Object.values(times))).toBeLessThan(leaseMs + 3000);
    expect((await ringReport(url)).trouble).toBeNull();
    // One service for each replica is left.
    await expect
      .poll(async () => (await servicesOf(namespace)).length, { timeout: withinMs, interval: 200 })
      .toBe(six.length);
  },
);

it('an engine that is restarted loses no GET, and its replicas run elsewhere meanwhile', async () => {
  const current = await system();
  const url = await start(current);
  await untilSpread(current.namespace);
  const before = await generationsOf(current, (await replicasOn(current.namespace))['node2'] ?? []);
  const load = steadyLoad(url, 100);
  await expect.poll(() => load.sent(), { timeout: withinMs }).toBeGreaterThan(200);
  const [times] = await Promise.all([untilReplaced(current, before), nodes('restart', '2')]);
  const result = await load.stop();
  console.log(
    `engine restarted: replaced after ${Object.values(times).join(' and ')} ms; ${result.sent} requests, ` +
      `answers ${JSON.stringify(result.answers)}, slowest ${result.slowestMs} ms`,
  );
  const {
    'GET 200': gets = 0,
    'POST 200': posts = 0,
    'POST 502 outcome_unknown': unknown = 0,
  } = result.answers;
  expect(gets + posts + unknown, JSON.stringify(result.answers)).toBe(result.sent);
  await untilRep(url, six, withinMs);
});
