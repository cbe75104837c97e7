import { expect, it } from 'vitest';
import type { AutoscaleView } from '#shared/contract/api/autoscale.ts';
import type { RingView } from '#shared/contract/ring-view.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';
import { useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const wait = { timeout: 40_000, interval: 50 };
const times = { tickMs: 200, shortMs: 600, longMs: 2000, downMs: 4000 };

const start = (autoscale: string, replicas: string, more: NodeJS.ProcessEnv = {}): Promise<RunningGateway> =>
  system().start(
    {
      REPLICAS: replicas,
      CONCURRENCY: '4',
      HANDLER: workers.handler,
      LEDGER: workers.ledger(),
      LEASE_MS: '600',
      AUTOSCALE: autoscale,
      ...more,
    },
    (config) => ({ ...config, autoscale: config.autoscale && { ...config.autoscale, times } }),
  );

async function ring({ adminUrl }: RunningGateway): Promise<RingView> {
  return (await (await fetch(`${adminUrl}/-/ring`)).json()) as RingView; // as the route answers
}

async function states(running: RunningGateway): Promise<Record<string, string>> {
  return Object.fromEntries((await ring(running)).replicas.map(({ name, state }) => [name, state]));
}

async function decision({ adminUrl }: RunningGateway): Promise<AutoscaleView['decision']> {
  const answer = await fetch(`${adminUrl}/-/api/autoscale`);
  return ((await answer.json()) as AutoscaleView).decision; // as the route answers
}

it('replicas that sleep are removed down to the least number, and nothing has died', async () => {
  const running = await start('2..4', '4', { SLEEP_AFTER_S: '1' });
  await expect.poll(() => states(running), wait).toEqual({ S1: 'asleep', S2: 'asleep' });
  await expect
    .poll(() => decision(running), wait)
    .toMatchObject({ wanted: 2, replicas: 2, reason: expect.stringContaining('as few as') as string });
  await expect.poll(async () => (await ring(running)).retired, wait).toEqual([]);
  const metrics = await (await fetch(`${running.adminUrl}/-/metrics`)).text();
  expect(metrics.split('\n').filter((line) => /^ringpost_worker_deaths_total.* [1-9]/.test(line))).toEqual(
    [],
  );
});

it('a hot key adds no replica while the others sleep, and is said', async () => {
  const running = await start('3..4', '3', { SLEEP_AFTER_S: '1' });
  const [key] = Array.from({ length: 100 }, (_, at) => `key-${at}`).filter(
    (each) => running.gateway.watcher.ring.owner(each) === 'S1',
  );
  const headers = { 'ringpost-key': key ?? '' };
  const asking: Promise<ArrayBuffer>[] = [];
  const ask = (): void => {
    const request = fetch(`${running.url}/hot?ms=500`, { headers });
    asking.push(request.then((answer) => answer.arrayBuffer()));
  };
  // S1 is busy, but not too much, until the others sleep.
  const busy = setInterval(ask, 400);
  try {
    await expect.poll(() => states(running), wait).toEqual({ S1: 'ready', S2: 'asleep', S3: 'asleep' });
  } finally {
    clearInterval(busy);
  }
  for (let at = 0; at < 100; at += 1) ask();
  await expect.poll(async () => (await decision(running))?.hot, wait).toEqual(['S1']);
  await Promise.all(asking);
  expect(Object.keys(await states(running))).toEqual(['S1', 'S2', 'S3']);
});
