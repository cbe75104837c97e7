import { expect, it } from 'vitest';
import { createLogger } from '#shared/process/logger.ts';
import { openConnection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { noFigures, ProcessReports } from '../../gateway/ring/process-reports.ts';
import { KeptLeases } from '../../worker/lease/kept-leases.ts';
import { ReplicaLease } from '../../worker/lease/replica-lease.ts';
import { ownRedis } from '../fixtures/own-redis.ts';

const log = createLogger('test', 'silent');

async function frozen() {
  const own = await ownRedis();
  const options = { url: own.url, namespace: 'ns', name: 'test', use: 'failFast' } as const;
  const connection = openConnection(options, log);
  await connection.whenReady();
  await clockOf(connection).measure();
  return { own, connection };
}

it('a process that stops while Redis is frozen does not wait for it with its report', async () => {
  const { own, connection } = await frozen();
  const options = { connection, name: 'g', role: 'gateway', figures: () => noFigures, log } as const;
  const reports = new ProcessReports(options);
  await reports.start();
  own.freeze();
  const asked = performance.now();
  await reports.stop();
  expect(performance.now() - asked).toBeLessThan(1500);
  connection.close();
});

it('a renewal that one frozen Redis answers too late is not blamed on missing replicas', async () => {
  const { own, connection } = await frozen();
  const lines: string[] = [];
  const lease = new ReplicaLease({ connection, replica: 'S1', generation: 1, leaseMs: 300 });
  expect(await lease.take('ready')).toBe('taken');
  const kept = new KeptLeases({
    onOwnRenewed: () => undefined,
    onSuperseded: () => undefined,
    log: { debug: () => undefined, error: () => undefined, warn: (_, line) => void lines.push(line) },
  });
  kept.keep(lease, 'ready');
  own.freeze();
  const renewing = kept.renew('S1', 'ready');
  await expect.poll(() => lease.certain, { timeout: 5000 }).toBe(false);
  own.thaw();
  expect(await renewing).toBe(true);
  expect(lines).toEqual([expect.stringMatching(/^Redis answered the renewal of a lease after/)]);
  connection.close();
});
