import { describe, expect, it, onTestFinished } from 'vitest';
import type { AutoscaleView } from '#shared/contract/api/autoscale.ts';
import type { RingView } from '#shared/contract/ring-view.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';
import { useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const wait = { timeout: 40_000, interval: 50 };
const times = { tickMs: 200, shortMs: 600, longMs: 2000, downMs: 4000 };

/** Starts a system whose windows are short. */
const start = (autoscale: string, more: NodeJS.ProcessEnv = {}): Promise<RunningGateway> =>
  system().start(
    {
      REPLICAS: '2',
      CONCURRENCY: '4',
      HANDLER: workers.handler,
      LEDGER: workers.ledger(),
      AUTOSCALE: autoscale,
      ...more,
    },
    (config) => ({ ...config, autoscale: config.autoscale && { ...config.autoscale, times } }),
  );

async function shown({ adminUrl }: RunningGateway): Promise<AutoscaleView> {
  return (await (await fetch(`${adminUrl}/-/api/autoscale`)).json()) as AutoscaleView; // as the route answers
}

function turn({ adminUrl }: RunningGateway, enabled: boolean): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${adminUrl}/-/api/autoscale`, { method: 'PUT', headers, body: JSON.stringify({ enabled }) });
}

function change({ adminUrl }: RunningGateway, path: 'add' | 'rm', hostnames: string[]): Promise<Response> {
  return fetch(`${adminUrl}/${path}`, {
    method: path === 'add' ? 'POST' : 'DELETE',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ n: hostnames.length, hostnames }),
  });
}

async function ring({ adminUrl }: RunningGateway): Promise<RingView> {
  return (await (await fetch(`${adminUrl}/-/ring`)).json()) as RingView; // as the route answers
}

async function names(running: RunningGateway): Promise<string[]> {
  return (await ring(running)).replicas.map(({ name }) => name);
}

/** Sends requests with many keys until it is told to stop. @returns how many answers had which status. */
function load({ url }: RunningGateway, clients: number): () => Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const stopped = new AbortController();
  onTestFinished(() => stopped.abort());
  const sending = Array.from({ length: clients }, async (_, client) => {
    for (let at = 0; !stopped.signal.aborted; at += 1) {
      const headers = { 'ringpost-key': `${client}-${at}` };
      const answer = await fetch(`${url}/load?ms=60`, { method: at % 2 === 0 ? 'GET' : 'POST', headers });
      await answer.arrayBuffer();
      counts[answer.status] = (counts[answer.status] ?? 0) + 1;
    }
  });
  const sent = Promise.all(sending);
  // Only a test that has failed already does not wait for it.
  sent.catch(() => undefined);
  return async () => {
    stopped.abort();
    await sent;
    return counts;
  };
}

describe('with AUTOSCALE', () => {
  it('adds replicas under load, removes them when it is over, and reuses their names; nothing is lost', async () => {
    const running = await start('2..4');
    const stop = load(running, 16);
    await expect.poll(() => names(running), wait).toEqual(['S1', 'S2', 'S3', 'S4']);
    await expect
      .poll(async () => (await ring(running)).replicas.every(({ inRing }) => inRing), wait)
      .toBe(true);
    await expect
      .poll(() => shown(running), wait)
      .toMatchObject({
        configured: true,
        enabled: true,
        range: { min: 2, max: 4 },
        stopped: null,
        decision: { wanted: 4, replicas: 4, hot: [] },
        change: { direction: 'up' },
      });
    expect(Object.keys(await stop())).toEqual(['200']);
    const light = load(running, 1);
    // The last one goes first.
    await expect.poll(() => names(running), wait).toEqual(['S1', 'S2', 'S3']);
    expect((await shown(running)).change).toMatchObject({ direction: 'down', names: ['S4'] });
    await expect.poll(() => names(running), wait).toEqual(['S1', 'S2']);
    await expect.poll(async () => (await ring(running)).retired, wait).toEqual([]);
    expect(Object.keys(await light())).toEqual(['200']);
    const again = load(running, 16);
    await expect.poll(() => names(running), wait).toEqual(['S1', 'S2', 'S3', 'S4']);
    expect(Object.keys(await again())).toEqual(['200']);
    const metrics = await (await fetch(`${running.adminUrl}/-/metrics`)).text();
    expect(metrics).toContain('ringpost_autoscale_changes_total{direction="down"} 2');
    expect(metrics).toContain('ringpost_autoscale_enabled{range="2..4"} 1');
  });

  it('stops for /rm and /add until it is asked to go on', async () => {
    const running = await start('2..4', { REPLICAS: '3' });
    expect((await change(running, 'add', ['S9'])).status).toBe(200);
    expect(await shown(running)).toMatchObject({ enabled: false, stopped: { by: 'add' } });
    expect((await change(running, 'rm', ['S2'])).status).toBe(200);
    expect((await ring(running)).autoscale).toMatchObject({ enabled: false, stopped: { by: 'rm' } });
    // It still says what it would do.
    await expect
      .poll(async () => (await shown(running)).decision?.reason, wait)
      .toContain('the rest would have enough room');
    expect(await names(running)).toEqual(['S1', 'S3', 'S9']);
    expect(await (await turn(running, true)).json()).toMatchObject({ enabled: true, stopped: null });
    await expect.poll(() => names(running), wait).toEqual(['S1', 'S3']);
    expect(await (await turn(running, false)).json()).toMatchObject({ stopped: { by: 'operator' } });
    const stop = load(running, 16);
    await expect.poll(async () => (await shown(running)).decision?.wanted, wait).toBe(4);
    expect(await names(running)).toEqual(['S1', 'S3']);
    await stop();
  });

  it('stays stopped if the leading controller has no AUTOSCALE for a while, and if Redis forgets it', async () => {
    const running = await start('2..4', { REPLICAS: '3' });
    expect((await change(running, 'rm', ['S2'])).status).toBe(200);
    const { stopped: stop } = await shown(running);
    // The controller has read it.
    await expect
      .poll(async () => (await shown(running)).decision?.at ?? 0, wait)
      .toBeGreaterThan((stop?.at ?? Infinity) + times.tickMs);
    await system().redis.del(system().keys.autoscale);
    const stopped = { configured: true, enabled: false, stopped: { by: 'rm' } };
    await expect.poll(() => shown(running), wait).toMatchObject(stopped);
    await running.stop();
    const without = await system().start({
      REPLICAS: '3',
      HANDLER: workers.handler,
      LEDGER: workers.ledger(),
    });
    await expect.poll(() => shown(without), wait).toMatchObject({ configured: false, enabled: false });
    await without.stop();
    const again = await start('2..4');
    await expect.poll(() => shown(again), wait).toMatchObject(stopped);
    expect(await names(again)).toEqual(['S1', 'S3']);
  });

  it('removes none that an operator holds, and not the last one that serves', async () => {
    const running = await start('1..3', { REPLICAS: '3' });
    const act = (name: string, action: string): Promise<Response> =>
      fetch(`${running.adminUrl}/-/api/replicas/${name}/${action}`, { method: 'POST' });
    expect((await act('S3', 'drain')).status).toBe(202);
    expect((await act('S1', 'pause')).status).toBe(202);
    await expect
      .poll(async () => (await shown(running)).decision, wait)
      .toMatchObject({ replicas: 1, reason: expect.stringContaining('as few as there may be') as string });
    expect((await act('S1', 'resume')).status).toBe(202);
    await expect.poll(() => names(running), wait).toEqual(['S1', 'S3']);
  });

  it('goes on with another controller, which begins to watch anew', async () => {
    const first = await start('2..3', { REPLICAS: '3' });
    const second = await start('2..3', { REPLICAS: '3' });
    const leader = (await ring(first)).leader;
    await first.stop();
    await expect.poll(async () => (await ring(second)).leader, wait).not.toBe(leader);
    await expect
      .poll(async () => (await shown(second)).decision?.reason ?? '', wait)
      .toMatch(/seen for|none is removed before/);
    await expect.poll(() => names(second), wait).toEqual(['S1', 'S2']);
  });
});

it('a hot key adds no replica, and is said', async () => {
  const running = await start('3..4', { REPLICAS: '3' });
  const headers = { 'ringpost-key': 'the-one' };
  const asking = Array.from({ length: 200 }, () =>
    fetch(`${running.url}/hot?ms=200`, { headers }).then((answer) => answer.arrayBuffer()),
  );
  await expect.poll(async () => (await shown(running)).decision?.hot, wait).toHaveLength(1);
  const overview = await (await fetch(`${running.adminUrl}/-/api/overview`)).text();
  expect(overview).toContain('"code":"hot_key"');
  await Promise.all(asking);
  expect(await names(running)).toEqual(['S1', 'S2', 'S3']);
  expect((await shown(running)).change).toBeNull();
});

it('without AUTOSCALE there is none, and it cannot be turned on', async () => {
  const running = await system().start({ REPLICAS: '1' });
  expect(await shown(running)).toMatchObject({ configured: false, enabled: false, range: null });
  expect((await ring(running)).autoscale).toBeNull();
  const refused = await turn(running, true);
  expect(refused.status).toBe(409);
  expect(await refused.json()).toMatchObject({ code: 'conflict' });
  const headers = { 'content-type': 'application/json' };
  for (const body of ['{}', '{"enabled":"yes"}', '[]'])
    expect(
      (await fetch(`${running.adminUrl}/-/api/autoscale`, { method: 'PUT', headers, body })).status,
    ).toBe(400);
});
