import { expect, it } from 'vitest';
import { createLogger } from '#shared/process/logger.ts';
import { LeaseReader } from '#shared/store/lease/lease-reader.ts';
import { GatewayRegistry } from '#shared/store/ring/gateway-registry.ts';
import { ask } from '../fixtures/raw-http.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const log = createLogger('test', 'silent');

it('each running gateway reports itself and what it counted, until it stops', async () => {
  const { connection, redis, keys } = system();
  const registry = new GatewayRegistry(connection, log);
  const first = await system().start({ REPLICAS: '1' });
  const second = await system().start({ ROLE: 'gateway' });
  await ask(first.url, { target: '/fail?status=503', headers: ['Ringpost-Key', 'a'] });
  await ask(first.url, { target: '/home', headers: ['Ringpost-Key', 'a'] });

  const read = async (): Promise<unknown> =>
    (await registry.readAll())
      .map(({ role, address, counts }) => ({ role, address, requests: counts['S1']?.requests }))
      .toSorted((one, other) => one.role.localeCompare(other.role));
  await expect.poll(read, { timeout: 20_000 }).toEqual([
    { role: 'both', address: first.url, requests: 2 },
    { role: 'gateway', address: second.url, requests: undefined },
  ]);
  const [report] = (await registry.readAll()).filter(({ role }) => role === 'both');
  expect(report?.counts['S1']?.failures).toBe(1);
  for (const times of ['wait', 'service', 'total'] as const)
    expect(report?.counts['S1']?.[times].reduce((sum, each) => sum + each, 0)).toBe(2);
  expect(report).toMatchObject({ pid: process.pid, inFlight: 0, heldBytes: 0 });
  expect(await redis.pttl(keys.gateways)).toBeGreaterThan(0);

  await second.stop();
  expect(await read()).toHaveLength(1);
});

it('a report that has expired is not shown, and is removed by the next process that starts', async () => {
  const { connection, redis, keys } = system();
  const registry = new GatewayRegistry(connection, log);
  const { stop } = await system().start({ REPLICAS: '0' });
  const [own] = await registry.readAll();
  await stop();
  await redis.hset(keys.gateways, 'gone', JSON.stringify({ ...own, name: 'gone', at: Date.now() - 60_000 }));
  await redis.hset(keys.gateways, 'garbled', '{"name":"garbled"}');
  expect(await registry.readAll()).toEqual([]);
  await system().start({ REPLICAS: '0' });
  expect(await redis.hkeys(keys.gateways)).not.toContain('gone');
  expect(await redis.hkeys(keys.gateways)).not.toContain('garbled');
});

it('each worker says with its heartbeat how it is', async () => {
  await system().start({ REPLICAS: '2', LEASE_MS: '1500' });
  const leases = new LeaseReader(system().connection);
  const read = (): Promise<ReadonlyMap<string, unknown>> => leases.readNumbers(['S1', 'S2', 'S3']);
  await expect.poll(async () => [...(await read()).keys()], { timeout: 20_000 }).toEqual(['S1', 'S2']);
  const numbers = await leases.readNumbers(['S1']);
  expect(numbers.get('S1')?.rssBytes).toBeGreaterThan(10_000_000);
  expect(numbers.get('S1')?.heapBytes).toBeGreaterThan(1_000_000);
  expect(numbers.get('S1')?.eventLoopLagMs).toBeGreaterThanOrEqual(0);
  expect(numbers.get('S1')?.version).toMatch(/^\d+\.\d+\.\d+/);
});
