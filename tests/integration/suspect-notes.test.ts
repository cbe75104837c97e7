import { expect, it } from 'vitest';
import { createLogger } from '#shared/process/logger.ts';
import { ActiveJobs } from '#shared/store/queue/active-jobs.ts';
import { QueueJobs } from '#shared/store/queue/queue-jobs.ts';
import {
  clearSuspects,
  crashesOf,
  recordCrash,
  startSuspect,
  suspectsOf,
} from '#shared/store/queue/suspect-notes.ts';
import { replica, useStreamedJobs } from '../fixtures/streamed-jobs.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const streamedJobs = useStreamedJobs(system);

const id = '00000000-0000-4000-8000-000000000001.S1';
const frozen = { replica, fence: 1 };
const next = { replica, fence: 2 };

/** A worker has read that the job is active, and freezes. The next one reclaims it, and runs it alone. */
async function runAlone(): Promise<void> {
  const { connection, redis, keys } = system();
  const { take } = await streamedJobs();
  await take(id);
  await redis.set(keys.leaseFence(replica), next.fence);
  const crash = { death: '2', startOrder: 1, counts: true };
  expect(await recordCrash(connection, next, id, crash)).toMatchObject({ id, poison: false });
  expect(await startSuspect(connection, next, id, 1, true)).toMatchObject({ attempt: 2 });
}

it('takes no crash from a worker that was frozen while it reclaimed', async () => {
  const { connection, redis, keys } = system();
  await runAlone();
  const crash = { death: '1', startOrder: 1, counts: true };
  expect(await recordCrash(connection, frozen, id, crash)).toBe('superseded');
  expect(await crashesOf(connection, replica, id)).toEqual([{ death: '2', startOrder: 1 }]);
  expect(await redis.lrange(keys.unfinished(replica).active, 0, -1)).toEqual([id]);
});

it('lets no worker that was frozen convict a suspect that runs', async () => {
  const { connection, redis, keys } = system();
  await runAlone();
  expect(await startSuspect(connection, frozen, id, 'poison', true)).toBe('superseded');
  expect(await redis.hget(keys.job(replica, id), 'ringpost:running')).toBe('1 1');
  expect(await suspectsOf(connection, replica)).toEqual(new Set([id]));
});

it('lets no worker that was frozen clear a suspect of crashes', async () => {
  const { connection } = system();
  await runAlone();
  const poison = [{ death: '2', startOrder: 9 }];
  const another = { death: '3', startOrder: 1, counts: true };
  expect(await recordCrash(connection, next, id, another)).toMatchObject({ poison: true });
  expect(await clearSuspects(connection, frozen, poison)).toBe('superseded');
  expect(await crashesOf(connection, replica, id)).toHaveLength(2);
  expect(await clearSuspects(connection, next, poison)).toBe('cleared');
  expect(await crashesOf(connection, replica, id)).toEqual([{ death: '3', startOrder: 1 }]);
});

it('makes no suspect of a job that a worker has put back meanwhile', async () => {
  const { connection, redis, keys } = system();
  const { take, connection: worker } = await streamedJobs();
  await take(id);
  // A frozen reclaimer has claimed the job. The next one has read that it is active.
  const active = new ActiveJobs(worker, replica);
  const claimed = await active.claim(id, frozen, await active.lockOf(id), false);
  if (typeof claimed === 'string') throw new Error(claimed);
  await redis.set(keys.leaseFence(replica), next.fence);
  const jobs = new QueueJobs(worker, replica, createLogger('test', 'silent'));
  const job = await jobs.find(id);
  await job?.requeue(claimed.token);
  await jobs.close();
  const crash = { death: '2', startOrder: 1, counts: true };
  expect(await recordCrash(connection, next, id, crash)).toBe('gone');
  expect(await suspectsOf(connection, replica)).toEqual(new Set());
  expect(await redis.lrange(keys.unfinished(replica).wait, 0, -1)).toEqual([id]);
  expect(await crashesOf(connection, replica, id)).toEqual([]);
});

it('counts a crash once, and remembers a lone run, if it is recorded again', async () => {
  const { connection } = system();
  await runAlone();
  const crash = { death: '3', startOrder: 1, counts: true };
  for (const _ of [1, 2]) {
    const recorded = await recordCrash(connection, next, id, crash);
    expect(recorded).toMatchObject({
      id,
      alone: true,
      poison: true,
      crashes: [{ death: '2' }, { death: '3' }],
    });
  }
  expect(await crashesOf(connection, replica, id)).toHaveLength(2);
});

it('says again that a death was no crash', async () => {
  const { connection } = system();
  await runAlone();
  const stop = { death: '3', startOrder: 1, counts: false };
  for (const _ of [1, 2]) expect(await recordCrash(connection, next, id, stop)).toBeUndefined();
  expect(await suspectsOf(connection, replica)).toEqual(new Set([id]));
  expect(await startSuspect(connection, next, id, 1, true)).toMatchObject({ attempt: 3 });
});

it('a job whose worker died is a suspect, with each crash in the order of its starts', async () => {
  const { connection, redis, keys } = system();
  const { take } = await streamedJobs();
  await take(id);
  await redis.set(keys.leaseFence(replica), next.fence);
  await redis.set(keys.jobLock(replica, id), 'token');
  const crash = { death: '2', startOrder: 5, counts: true };
  expect(await recordCrash(connection, next, id, crash)).toMatchObject({ id, poison: false });
  expect(await redis.lrange(keys.unfinished(replica).active, 0, -1)).toEqual([]);
  expect(await redis.exists(keys.jobLock(replica, id))).toBe(0);
  expect(await suspectsOf(connection, replica)).toEqual(new Set([id]));
  await startSuspect(connection, next, id, 7, false);
  // It knows itself when it started, since it was running as a suspect.
  expect(await recordCrash(connection, next, id, { ...crash, death: '3' })).toMatchObject({ poison: false });
  expect(await redis.hexists(keys.job(replica, id), 'ringpost:running')).toBe(0);
  expect(await crashesOf(connection, replica, id)).toEqual([
    { death: '2', startOrder: 5 },
    { death: '3', startOrder: 7 },
  ]);
});

it('a death that is excused adds no crash, but the job stays a suspect', async () => {
  const { connection } = system();
  await runAlone();
  expect(
    await recordCrash(connection, next, id, { death: '3', startOrder: 1, counts: false }),
  ).toBeUndefined();
  expect(await crashesOf(connection, replica, id)).toEqual([{ death: '2', startOrder: 1 }]);
  expect(await suspectsOf(connection, replica)).toEqual(new Set([id]));
});

it('a suspect that was convicted stays so, although its worker died before it said so', async () => {
  const { connection } = system();
  await runAlone();
  await startSuspect(connection, next, id, 'poison', true);
  const crash = { death: '3', startOrder: 1, counts: true };
  expect(await recordCrash(connection, next, id, crash)).toMatchObject({ poison: true });
  expect(await crashesOf(connection, replica, id)).toEqual([{ death: '2', startOrder: 1 }]);
});

it('a job that is gone is no suspect any more', async () => {
  const { connection, redis, keys } = system();
  await runAlone();
  await redis.del(keys.job(replica, id));
  const crash = { death: '3', startOrder: 1, counts: true };
  expect(await recordCrash(connection, next, id, crash)).toBe('gone');
  expect(await suspectsOf(connection, replica)).toEqual(new Set());
});
