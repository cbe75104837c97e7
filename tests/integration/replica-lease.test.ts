import { describe, expect, it } from 'vitest';
import { ReplicaLease } from '../../worker/lease/replica-lease.ts';
import { rawScripts } from '../fixtures/raw-scripts.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

const own = (generation: number, leaseMs = 60_000): ReplicaLease => {
  const { connection } = system();
  return new ReplicaLease({ connection, replica: 'S1', generation, leaseMs });
};
const adopting = (adopter: string): ReplicaLease => {
  const { connection } = system();
  return new ReplicaLease({ connection, replica: 'S1', generation: 0, adopter, leaseMs: 60_000 });
};

describe('the lease of a replica', () => {
  it('is held by one generation until it ends it, and by no older one afterwards', async () => {
    const [first, second, third] = [own(1), own(2), own(3)];
    expect(await second.take('starting')).toBe('taken');
    expect([await first.take('starting'), await third.take('starting')]).toEqual(['superseded', 'held']);
    expect(await second.renew('ready')).toBe(true);
    await third.end();
    expect(await third.take('starting')).toBe('held');
    await second.end();
    expect(await third.take('starting')).toBe('taken');
    expect(await second.renew('ready')).toBe(false);
    await second.end();
    expect(await system().redis.pttl(system().keys.lease('S1'))).toBeGreaterThan(50_000);
    expect(third.fence).toBeGreaterThan(second.fence);
  });

  it('can be adopted while free, and returns to its owner when the adopter releases it', async () => {
    const { redis, keys } = system();
    const [owner, adopter, other] = [own(7), adopting('S2#1'), adopting('S3#1')];
    expect(await owner.take('starting')).toBe('taken');
    expect(await adopter.take('adopted')).toBe('held');
    await owner.end();
    expect(await adopter.take('adopted')).toBe('taken');
    expect([await other.take('adopted'), await owner.take('starting')]).toEqual(['held', 'held']);
    expect(await owner.renew('ready')).toBe(false);
    await other.end();
    expect(await adopter.renew('adopted')).toBe(true);
    await adopter.end();
    // The owner is on standby: no other adopter may take it first.
    await redis.set(keys.standby('S1'), 7, 'PX', 60_000);
    expect(await other.take('adopted')).toBe('held');
    expect(await owner.take('starting')).toBe('taken');
    expect(await adopter.renew('adopted')).toBe(false);
  });

  it('is certain from its request until its TTL has passed', async () => {
    const lease = own(1, 300);
    expect(lease.certain).toBe(false);
    await lease.take('starting');
    expect(lease.certain).toBe(true);
    await expect.poll(() => lease.certain).toBe(false);
    expect(await lease.renew('ready')).toBe(true);
    expect(lease.certain).toBe(true);
    await lease.end();
    expect(lease.certain).toBe(false);
  });

  it('is fenced even if Redis lost all keys: the next holder has a higher fence', async () => {
    const { redis, keys } = system();
    const [before, after] = [own(4), own(1)];
    await before.take('ready');
    await redis.del(
      keys.lease('S1'),
      keys.leaseFence('S1'),
      keys.currentGeneration('S1'),
      keys.generation('S1'),
    );
    expect(await after.take('starting')).toBe('taken');
    expect(after.fence).toBeGreaterThan(before.fence);
    expect(await before.renew('ready')).toBe(false);
  });

  it('restores the generations that Redis lost, so that the next worker has a newer one', async () => {
    const { redis, keys } = system();
    const lease = own(4);
    await lease.take('ready');
    await redis.del(keys.lease('S1'), keys.leaseFence('S1'), keys.currentGeneration('S1'));
    expect(await lease.renew('ready')).toBe(true);
    expect(await redis.get(keys.generation('S1'))).toBe('4');
    expect(await redis.get(keys.currentGeneration('S1'))).toBe('4');
  });

  it('refuses the replies of a former holder', async () => {
    const { redis, keys } = system();
    const run = rawScripts(redis);
    const [first, second] = [own(1), adopting('S2#1')];
    await first.take('ready');
    const push = (lease: ReplicaLease): Promise<unknown> =>
      run('push-replies', keys.inbox('S1', 'g'), keys.leaseFence('S1'), lease.fence, 60_000, 'frame');
    expect(await push(first)).toBe(1);
    await first.end();
    expect(await push(first)).toBe(1);
    await second.take('adopted');
    expect([await push(first), await push(second)]).toEqual([-1, 1]);
    expect(await redis.llen(keys.inbox('S1', 'g'))).toBe(3);
  });
});
