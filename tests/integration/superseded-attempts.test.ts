import { expect, it } from 'vitest';
import { createLogger } from '#shared/process/logger.ts';
import { ActiveJobs } from '#shared/store/queue/active-jobs.ts';
import { RequestNotes } from '#shared/store/records/request-notes.ts';
import { RequestEnds } from '#shared/store/records/request-ends.ts';
import { RunNotes } from '../../worker/run/run-notes.ts';
import { replica, useStreamedJobs } from '../fixtures/streamed-jobs.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const streamedJobs = useStreamedJobs(system);
const log = createLogger('test', 'silent');

const id = '00000000-0000-4000-8000-000000000001.S1';
const frozen = { replica, fence: 1 };
const next = { replica, fence: 2 };
const terms = { gateway: '', deadline: Date.now() + 60_000, redelivery: 'safe', keepMs: 60_000 } as const;
const job = { ...terms, method: 'GET', target: '/', headers: [] };

it('takes no note of a retry from a worker that was superseded, so that a cancellation is not too early', async () => {
  const { redis, keys, connection } = system();
  const { connection: own } = await streamedJobs();
  await redis.set(keys.leaseFence(replica), next.fence);
  const begun = { kind: 'begun', attempt: 2, worker: 'S1#2' } as const;
  const notes = new RequestNotes(own, log, next);
  expect(await notes.note(replica, id, terms, 'running', begun, ['started', 1])).toBe('noted');
  const late = new RunNotes({ connection: own, replica, lease: frozen, by: 'S1#1', log });
  expect(await late.queued(id, job, 1, 503)).toBe('superseded');
  expect(await late.started(id, job, 1, Date.now(), performance.now() + 1000)).toBe('superseded');
  expect(await redis.hmget(keys.request(replica, id), 'state', 'events')).toEqual(['running', '1']);
  const record = { state: 'running', ...terms, method: 'GET', target: '/', accepted: 0 } as never;
  expect(await new RequestEnds(connection, log).cancel({ id, replica, record } as never)).toBe('running');
});

it('a gateway notes whatever the fence is', async () => {
  const { redis, keys, connection } = system();
  await redis.set(keys.leaseFence(replica), next.fence);
  const notes = new RequestNotes(connection, log);
  expect(await notes.note(replica, id, terms, 'expired', { kind: 'expired' })).toBe('noted');
});

it('a worker that was superseded claims no active job, and puts none back', async () => {
  const { redis, keys } = system();
  const { connection, take } = await streamedJobs();
  await take(id);
  const active = new ActiveJobs(connection, replica);
  const lock = await active.lockOf(id);
  await redis.set(keys.leaseFence(replica), next.fence);
  expect(await active.claim(id, frozen, lock, false)).toBe('superseded');
  expect(await active.lockOf(id)).toBe(lock);
  // The next one claims it, after which it is taken for whoever knew the lock before.
  expect(await active.claim(id, next, lock, false)).toEqual({ token: expect.any(String) });
  expect(await active.claim(id, next, lock, false)).toBe('taken');
  expect(await redis.hget(keys.job(replica, id), 'ats')).toBe('1');
});

it('a claim counts the starts anew only if the job was not begun', async () => {
  const { redis, keys } = system();
  const { connection, take } = await streamedJobs();
  await take(id);
  const active = new ActiveJobs(connection, replica);
  await active.claim(id, frozen, await active.lockOf(id), true);
  expect(await redis.hget(keys.job(replica, id), 'ats')).toBe('0');
});
