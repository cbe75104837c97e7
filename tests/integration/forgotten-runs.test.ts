import { describe, expect, it } from 'vitest';
import type { JobData } from '#shared/contract/job.ts';
import { useSystem } from '../fixtures/system.ts';
import type { System } from '../fixtures/system.ts';
import { eventually, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();

/** Starts a gateway and one replica with a controller. */
async function startOne(current: System) {
  const { url } = await current.start({ REPLICAS: '1', HANDLER: workers.handler, LEDGER: workers.ledger() });
  const ask = (method: string, path: string, ms: number): Promise<Response> =>
    fetch(`${url}/${path}?ms=${ms}`, { method });
  const untilRun = (path: string): Promise<true> =>
    eventually(async () => (await workers.runs()).some((line) => line.includes(` /${path} `)) || undefined);
  return { url, ask, untilRun };
}

/** Makes Redis forget, as a crash would, that it gave the job out. */
async function forgetTaking({ redis, keys }: System): Promise<string> {
  const { active, wait } = keys.unfinished('S1');
  const [id = ''] = await redis.lrange(active, 0, 0);
  await redis
    .multi()
    .lrem(active, 0, id)
    .del(keys.jobLock('S1', id))
    .hdel(keys.job('S1', id), 'processedOn', 'ats')
    .rpush(wait, id)
    .zadd(keys.marker('S1'), 0, '0')
    .exec();
  return id;
}

describe('a request whose delivery Redis has forgotten', () => {
  it.each(['GET', 'POST'])('is not started again while it runs (%s)', async (method) => {
    const current = system();
    const { ask, untilRun } = await startOne(current);
    const answer = ask(method, 'once', 1500);
    await untilRun('once');
    await forgetTaking(current);
    const { active, wait } = current.keys.unfinished('S1');
    // The worker takes the job a second time.
    await eventually(
      async () => (await current.redis.llen(wait)) === 0 && (await current.redis.llen(active)) === 1,
    );
    expect((await answer).status).toBe(200);
    await eventually(async () => (await current.redis.llen(active)) === 0);
    expect(await workers.runs()).toHaveLength(1);
  });

  it('ends as outcome_unknown if it is finished and not repeatable', async () => {
    const current = system();
    const { redis, keys } = current;
    const { ask, untilRun } = await startOne(current);
    const answer = ask('POST', 'paid', 300);
    await untilRun('paid');
    const [id = ''] = await redis.lrange(keys.unfinished('S1').active, 0, 0);
    const job = await redis.hgetall(keys.job('S1', id));
    expect((await answer).status).toBe(200);
    // Redis lost the end of the job, and the reply with it.
    const again = {
      ...job,
      data: JSON.stringify({ ...(JSON.parse(job['data'] ?? '') as JobData), gateway: 'g' }),
    };
    await eventually(async () => (await redis.exists(keys.job('S1', id))) === 0);
    delete (again as Partial<typeof again> & Record<string, string>)['ats'];
    await redis.hset(keys.job('S1', id), again);
    await redis.multi().lpush(keys.unfinished('S1').wait, id).zadd(keys.marker('S1'), 0, '0').exec();
    const frame = await redis.blpop(keys.inbox('S1', 'g'), 10);
    expect(frame?.[1]).toContain('outcome_unknown');
    expect(await workers.runs()).toHaveLength(1);
  });

  it('ends as outcome_unknown at another worker if it was taken and is not repeatable', async () => {
    const current = system();
    const { redis, keys } = current;
    await startOne(current);
    const data: JobData = {
      method: 'POST',
      target: '/stalled',
      headers: [],
      gateway: 'g',
      deadline: Date.now() + 20_000,
      redelivery: 'never',
    };
    // As a BullMQ tool leaves it that moves stalled jobs back.
    const job = {
      name: 'dispatch',
      data: JSON.stringify(data),
      opts: '{}',
      timestamp: Date.now(),
      delay: 0,
      priority: 0,
      ats: 1,
    };
    await redis.hset(keys.job('S1', 'stalled-1'), job);
    await redis.multi().lpush(keys.unfinished('S1').wait, 'stalled-1').zadd(keys.marker('S1'), 0, '0').exec();
    const frame = await redis.blpop(keys.inbox('S1', 'g'), 10);
    expect(frame?.[1]).toContain('outcome_unknown');
    expect(await workers.runs()).toEqual([]);
  });
});
