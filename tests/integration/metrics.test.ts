import { expect, it } from 'vitest';
import { adopterOf } from '#shared/contract/lease.ts';
import type { EndedRequest } from '../../gateway/http/ended-request.ts';
import { metricValues } from '../fixtures/metric-values.ts';
import type { MetricValues } from '../fixtures/metric-values.ts';
import { ask } from '../fixtures/raw-http.ts';
import { useSystem } from '../fixtures/system.ts';
import { eventually, leaseOf, useWorkers, workerLeaseMs } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const timeout = 30_000;

const of = (values: MetricValues, replica: string): string[] =>
  [...values.keys()].filter((series) => series.includes(`replica="${replica}"`));

it('the metrics show times, queues, workers and processes, and nothing of a replica that is gone', async () => {
  const { url, gateway } = await system().start({ REPLICAS: '2', LEASE_MS: '1500' });
  for (let at = 0; at < 20; at += 1)
    await ask(url, { target: '/home', headers: ['Ringpost-Key', `key-${at}`] });
  // A worker says of itself how it is once its lease thread has started.
  const known = async (): Promise<readonly boolean[]> => {
    const shown = await metricValues(url);
    return ['S1', 'S2'].map((replica) => shown.has(`ringpost_worker_resident_bytes{replica="${replica}"}`));
  };
  await expect.poll(known, { timeout }).toEqual([true, true]);
  const values = await metricValues(url);
  const value = (series: string): number => values.get(series) ?? Number.NaN;
  expect(value('ringpost_requests_total{code="200",reason="-",mode="wait"}')).toBe(20);
  for (const name of ['request', 'queue_wait', 'service']) {
    const counts = ['S1', 'S2'].map((replica) =>
      value(`ringpost_${name}_seconds_count{replica="${replica}"}`),
    );
    expect(counts[0]).toBeGreaterThan(0);
    expect((counts[0] ?? 0) + (counts[1] ?? 0)).toBe(20);
    expect(value(`ringpost_${name}_seconds_bucket{le="+Inf",replica="S1"}`)).toBe(counts[0]);
    expect(value(`ringpost_${name}_seconds_sum{replica="S1"}`)).toBeGreaterThanOrEqual(0);
  }
  expect(value('ringpost_ring_share{replica="S1"}') + value('ringpost_ring_share{replica="S2"}')).toBeCloseTo(
    1,
  );
  for (const state of ['waiting', 'active', 'streams', 'delayed', 'prioritized'])
    expect(value(`ringpost_queue_depth{replica="S1",state="${state}"}`)).toBe(0);
  expect(value('ringpost_queue_oldest_seconds{replica="S1"}')).toBe(0);
  expect(value('ringpost_lease_remaining_seconds{replica="S1"}')).toBeGreaterThan(0);
  expect(value('ringpost_lease_remaining_seconds{replica="S1"}')).toBeLessThanOrEqual(1.5);
  expect(value('ringpost_replica_state{replica="S1",state="ready"}')).toBe(1);
  expect(value('ringpost_worker_heap_bytes{replica="S1"}')).toBeGreaterThan(1_000_000);
  expect(value('ringpost_worker_event_loop_lag_seconds{replica="S1"}')).toBeGreaterThanOrEqual(0);
  expect(value('ringpost_callbacks{state="delayed"}')).toBe(0);
  expect(value('ringpost_dead_letters')).toBe(0);
  expect(value('ringpost_worker_deaths_total{reason="signal"}')).toBe(0);
  expect(value('ringpost_redis_up')).toBe(1);
  const series = [...values.keys()];
  expect(series.filter((each) => /^ringpost_gateway_info\{.*role="both"/.test(each))).toHaveLength(1);
  expect(series.filter((each) => each.startsWith('ringpost_leader{controller="test-'))).toHaveLength(1);
  expect(series.filter((each) => each.startsWith('ringpost_build_info{version='))).toHaveLength(1);

  await ask(url, {
    method: 'DELETE',
    target: '/rm',
    headers: ['Content-Type', 'application/json'],
    body: Buffer.from('{"n":1,"hostnames":["S2"]}'),
  });
  await gateway.watcher.until(({ desired }) => desired.length === 1, timeout);
  await expect.poll(async () => of(await metricValues(url), 'S2'), { timeout }).toEqual([]);
  expect(of(await metricValues(url), 'S1')).not.toEqual([]);
});

it('the metrics count a death, what it lost, and the adoption; a listener learns who adopted', async () => {
  const current = system();
  const env = { REPLICA_DRIVER: 'none', LEASE_MS: String(workerLeaseMs), FAILOVER_MS: '300' };
  const commands = await Promise.all(
    ['S1', 'S2'].map((name) => workers.start(current, name, { CONCURRENCY: '1' })),
  );
  const { url, gateway } = await current.start({ ...env, REPLICAS: '2' });
  await gateway.watcher.until(({ ring }) => ring.size === 2, timeout);
  const ended: EndedRequest[] = [];
  gateway.endedRequests.add({ ended: (request) => void ended.push(request) });
  const key = Array.from({ length: 100 }, (_, at) => `key-${at}`).find(
    (each) => gateway.watcher.ring.owner(each) === 'S2',
  );
  const send = (method: string, path: string): Promise<Response> =>
    fetch(`${url}${path}`, { method, headers: { 'ringpost-key': key ?? '' } });
  const running = send('POST', '/runs?ms=1500');
  await eventually(async () => (await workers.runs()).some((line) => line.includes(' /runs ')) || undefined);
  const waiting = send('GET', '/waits');
  await eventually(async () => (await current.redis.llen(current.keys.unfinished('S2').wait)) === 1);
  commands[1]?.kill('SIGKILL');
  expect((await running).status).toBe(502);
  expect((await waiting).status).toBe(200);
  const lease = await leaseOf(current, 'S1');

  await expect.poll(() => ended.length, { timeout }).toBe(2);
  expect(ended.find(({ target }) => target === '/waits')).toMatchObject({
    replica: 'S2',
    adoptedBy: adopterOf('S1', lease?.generation ?? 0),
  });
  const shown = async (): Promise<readonly (number | undefined)[]> => {
    const values = await metricValues(url);
    return [
      values.get('ringpost_worker_deaths_total{reason="lease"}'),
      values.get('ringpost_losses_total'),
      values.get('ringpost_adoptions_total'),
      values.get('ringpost_requests_total{code="502",reason="outcome_unknown",mode="wait"}'),
    ];
  };
  await expect.poll(shown, { timeout }).toEqual([1, 1, 1, 1]);
});
