import { expect, it } from 'vitest';
import type { JobData } from '#shared/contract/job.ts';
import { requestId } from '#shared/contract/request-id.ts';
import { createLogger } from '#shared/process/logger.ts';
import { JobQueues } from '#shared/store/queue/job-queues.ts';
import { AsyncRequests } from '../../gateway/dispatch/async-requests.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

it.each([
  ['waits in another queue by then', undefined],
  ['has run by then', 'done'],
  ['is nowhere, since its gateway did not add it', 'unsafe'],
])('a request whose add had no answer, and that %s', async (_, end) => {
  const { connection, redis, keys } = system();
  const log = createLogger('test', 'silent');
  const queues = new JobQueues(connection, log);
  const id = requestId(crypto.randomUUID(), 'S1');
  const job: JobData = {
    method: 'POST',
    target: '/',
    headers: [],
    gateway: '',
    deadline: Date.now() + 60_000,
    redelivery: 'never',
    keepMs: 60_000,
  };
  const requests = new AsyncRequests({
    connection,
    queues: {
      missing: (replica, ids) => queues.missing(replica, ids),
      withdraw: (replica, of) => queues.withdraw(replica, of),
      add: async (_replica, of, data) => {
        if (end === undefined) {
          await queues.add('S2', of, data);
          await redis.hset(keys.request('S1', of), 'queue', 'S2');
        } else if (end === 'done')
          await redis.hset(keys.request('S1', of), { state: 'done', started: '1', finished: '2' });
        throw new Error('Connection is closed.');
      },
    },
    outage: { waitUntilOver: () => Promise.resolve(true) },
    callbacks: { add: () => Promise.resolve(), remove: () => Promise.resolve() },
    callers: { ofSent: () => ({ digest: '', alone: false }) },
    replicaCount: () => 2,
    keepMs: 60_000,
    log,
  });
  const noted = { id, replica: 'S1', key: 'k', accepted: Date.now(), job, body: new Uint8Array() };
  const refusal = await requests.accept(noted);
  expect(refusal?.code).toBe(end === 'unsafe' ? 'outcome_unknown' : undefined);
  await queues.close();
});
