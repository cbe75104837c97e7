import { expect, it } from 'vitest';
import { crashesOf, recordCrash, startSuspect, suspectsOf } from '#shared/store/queue/suspect-notes.ts';
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
  expect(
    await recordCrash(connection, next, id, { death: '3', startOrder: 1, counts: true }),
  ).toBeUndefined();
  expect(await suspectsOf(connection, replica)).toEqual(new Set());
});
