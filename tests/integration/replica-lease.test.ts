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

  it('is restored with all that Redis lost of it, so that the next worker has a newer generation', async () => {
    const { redis, keys } = system();
    const lease = own(4);
    await lease.take('starting');
    await redis.del(keys.lease('S1'), keys.leaseFence('S1'), keys.currentGeneration('S1'));
    expect(await lease.renew('ready')).toBe(true);
    expect(JSON.parse((await redis.get(keys.lease('S1'))) ?? '')).toMatchObject({
      generation: 4,
      state: 'ready',
    });
    expect(await redis.pttl(keys.lease('S1'))).toBeGreaterThan(50_000);
    expect(await redis.get(keys.leaseFence('S1'))).toBe(String(lease.fence));
    expect(await redis.get(keys.generation('S1'))).toBe('4');
    expect(await redis.get(keys.currentGeneration('S1'))).toBe('4');
  });

  it('lowers no generation, and an adopter that renews it sets none', async () => {
    const { redis, keys } = system();
    const [owner, adopter] = [own(4), adopting('S2#1')];
    await owner.take('ready');
    // The next generation was given to a worker that has not started yet.
    await redis.set(keys.generation('S1'), 5);
    expect(await owner.renew('ready')).toBe(true);
    expect(await redis.get(keys.generation('S1'))).toBe('5');
    await owner.end();
    expect(await adopter.take('adopted')).toBe('taken');
    expect(await adopter.renew('adopted')).toBe(true);
    expect(await redis.get(keys.currentGeneration('S1'))).toBe('4');
  });

  it('that is taken drops what was delivered to the last consumer, whose jobs count as not begun', async () => {
    const { redis, keys } = system();
    const [first, second] = [own(1), own(2)];
    await first.take('ready');
    // The consumer may have been registered by another worker than the last holder.
    const lists = [keys.deliveries('S1', first.fence), keys.deliveries('S1', 77)];
    for (const [at, list] of lists.entries()) {
      await redis.rpush(list, `job-${at}\n{}`, `gone-${at}\n{}`);
      await redis.hset(keys.job('S1', `job-${at}`), { data: '{}', ats: '1' });
    }
    await redis.set(keys.consumer('S1'), '77 5 30000 token');
    await first.end();
    expect(await second.take('starting')).toBe('taken');
    expect(await redis.hget(keys.job('S1', 'job-0'), 'ats')).toBe('0');
    expect(await redis.hget(keys.job('S1', 'job-1'), 'ats')).toBe('0');
    const gone = [keys.job('S1', 'gone-0'), keys.job('S1', 'gone-1'), keys.consumer('S1'), ...lists];
    expect(await redis.exists(...gone)).toBe(0);
  });

  it('keeps the pardon of a death for its owner, and none for an adopter', async () => {
    const { redis, keys } = system();
    const [owner, adopter] = [own(2), adopting('S2#1')];
    await redis.set(keys.pardoned('S1'), 1);
    // It may take its own lease again, as after a lost answer.
    expect([await owner.take('starting'), await owner.take('ready')]).toEqual(['taken', 'taken']);
    expect(await redis.get(keys.pardoned('S1'))).toBe('1');
    await owner.end();
    expect(await adopter.take('adopted')).toBe('taken');
    expect(await redis.exists(keys.pardoned('S1'))).toBe(0);
  });

  it.each(['leaseFence', 'currentGeneration'] as const)(
    'is not taken while its %s is garbled',
    async (key) => {
      const { redis, keys } = system();
      await redis.set(keys[key]('S1'), '7x');
      await expect(own(9).take('starting')).rejects.toThrow('the fence or the generation cannot be read');
      expect(await redis.exists(keys.lease('S1'))).toBe(0);
    },
  );

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
