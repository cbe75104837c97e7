import { randomUUID } from 'node:crypto';
import { Job } from 'bullmq';
import { afterEach, expect, it, vi } from 'vitest';
import type { JobData } from '#shared/contract/job.ts';
import { encodeJob } from '#shared/contract/job.ts';
import { redactionOf } from '#shared/contract/redaction.ts';
import { requestId } from '#shared/contract/request-id.ts';
import { createLogger } from '#shared/process/logger.ts';
import { LargeValues } from '#shared/store/replies/large-values.ts';
import { Connection } from '#shared/store/redis/connection.ts';
import { openRedis } from '#shared/store/redis/open-redis.ts';
import { JobQueues } from '#shared/store/queue/job-queues.ts';
import { recordCrash } from '#shared/store/queue/suspect-notes.ts';
import { Aftermath } from '../../worker/reply/aftermath.ts';
import { CancelledIds } from '../../worker/run/cancelled-ids.ts';
import { FinishedRuns } from '../../worker/run/finished-runs.ts';
import type { Handler } from '../../worker/handlers/handler.ts';
import { ReplyBudget } from '../../worker/handlers/reply-budget.ts';
import { createReplyPushes } from '../../worker/reply/reply-pushes.ts';
import { ReplyOutbox } from '../../worker/reply/reply-outbox.ts';
import { Runner } from '../../worker/run/runner.ts';
import { StopTime } from '../../worker/stream/stop-time.ts';
import { AnswerStreams } from '../../worker/stream/answer-streams.ts';
import { StreamSlots } from '../../worker/stream/stream-slots.ts';
import { SignalFeed } from '#shared/store/streams/signal-feed.ts';
import type { RunnerOptions } from '../../worker/run/runner.ts';
import { Slots } from '../../shared/process/slots.ts';
import { createStockConsumer } from '../../worker/queue/stock-consumer.ts';
import { GarbledJobs } from '../../worker/queue/garbled-jobs.ts';
import { Intake } from '../../worker/queue/intake.ts';
import { OrphanSweep } from '../../worker/session/orphan-sweep.ts';
import { Reclaimer } from '../../worker/session/reclaimer.ts';
import { StreamReclaimer } from '../../worker/session/stream-reclaimer.ts';
import { Suspects } from '../../worker/session/suspects.ts';
import { Turns } from '../../worker/run/turns.ts';
import { roleUrl } from '../fixtures/redis-users.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const log = createLogger('test', 'silent');

afterEach(() => void vi.restoreAllMocks());

const request = { method: 'GET', target: '/', headers: [], body: Buffer.alloc(0) };
const terms = { gateway: '', deadline: Date.now() + 60_000, redelivery: 'safe' } as const;

/** Makes a runner in this process, with a handler that counts its calls. */
function startRunner(
  finished = new FinishedRuns(),
  held: Pick<RunnerOptions['lease'], 'certain' | 'makeCertain'> = {
    certain: true,
    makeCertain: () => Promise.resolve(true),
  },
) {
  const { connection } = system();
  const turns = new Turns(connection, log);
  const answer = { status: 200, headers: [], body: Buffer.alloc(0) };
  const handle = vi.fn<Handler['handle']>().mockResolvedValue(answer);
  const large = new LargeValues(() => connection);
  const redaction = redactionOf(undefined, undefined);
  const letters = { failedTtlMs: 1000, redaction, deadLetterBodies: 'keep' } as const;
  const aftermath = new Aftermath({ connection, ...letters, large, log });
  const lease = { replica: 'S1', fence: 1, holder: 'S1#1' };
  const onSuperseded = (): void => undefined;
  const pushes = createReplyPushes(connection, lease, onSuperseded, log);
  const outbox = new ReplyOutbox({ connection, lease, pushes, aftermath, large, onSuperseded, log });
  const streams = new AnswerStreams({
    connection,
    large,
    outbox,
    onSuperseded,
    log,
    feed: new SignalFeed(connection),
    lease: { ...lease, adopter: undefined },
    worker: 'S1',
    streamSlots: new StreamSlots(1),
    streamIdleTimeoutMs: 0,
    drainTimeoutMs: 1000,
    stopTime: new StopTime(),
    replyLimitBytes: 1024,
  });
  const runner = new Runner({
    streams,
    streamAboveBytes: 1024 * 1024,
    onHints: () => undefined,
    handler: { handle, close: () => Promise.resolve() },
    slots: new Slots(1),
    turns,
    outbox,
    large,
    budget: new ReplyBudget(1024 * 1024),
    connection,
    by: lease.holder,
    replica: 'S1',
    worker: 'S1',
    finished,
    cancelled: new CancelledIds(),
    lease: Object.assign(held, lease),
    log,
  });
  return { runner, turns, handle, outbox, lease };
}

it('a job that Redis refuses to put back stays active, so that the sweep finds it', async () => {
  const { redisUrl, namespace, redis, keys } = system();
  const own = openRedis(roleUrl(redisUrl, namespace, 'worker'), `${namespace}:put-back`, 'patient', log);
  const queues = new JobQueues(new Connection(redis, keys.prefix), log);
  const refused = vi
    .spyOn(Job.prototype, 'moveToDelayed')
    .mockRejectedValueOnce(Object.assign(new Error('OOM'), { name: 'ReplyError' }));
  const consumer = createStockConsumer({
    connection: new Connection(own, keys.prefix),
    replica: 'S1',
    concurrency: 1,
    run: () => Promise.resolve({ notBefore: Date.now() + 100 }),
    onFinished: () => undefined,
    onGarbled: () => Promise.resolve(),
    log,
  });
  await consumer.start();
  const id = requestId(randomUUID(), 'S1');
  await queues.add('S1', id, encodeJob(request, terms));
  await expect.poll(() => refused.mock.calls.length).toBe(1);
  await consumer.stop();
  expect(await redis.lrange(keys.unfinished('S1').active, 0, -1)).toEqual([id]);
  expect(await redis.exists(keys.job('S1', id))).toBe(1);
  await queues.close();
  own.disconnect();
});

it('a suspect whose end Redis refuses for some time is not taken for an orphan', async () => {
  const { connection, redis, keys } = system();
  const { runner, turns, handle, outbox, lease } = startRunner();
  const queues = new JobQueues(connection, log);
  const id = requestId(randomUUID(), 'S1');
  await queues.add('S1', id, encodeJob(request, terms));
  await redis.lmove(keys.unfinished('S1').wait, keys.unfinished('S1').active, 'RIGHT', 'LEFT');
  const crash = { death: '1', startOrder: 1, counts: true };
  expect(await recordCrash(connection, lease, id, crash)).toMatchObject({ id });
  const complete = vi.spyOn(Job.prototype, 'moveToCompleted');
  const refused = Object.assign(new Error('OOM'), { name: 'ReplyError' });
  for (let times = 0; times < 10; times += 1) complete.mockRejectedValueOnce(refused);
  const garbled = new GarbledJobs({ connection, lease, outbox, log });
  const settling = { connection, replica: 'S1', lease, outbox, garbled, turns, log };
  const streams = new StreamReclaimer(settling);
  const suspects = new Suspects({
    ...settling,
    runner,
    slots: new Slots(1),
    streamSlots: new StreamSlots(1),
    intake: new Intake(),
    inherited: false,
  });
  const reclaimer = new Reclaimer({ ...settling, notesPlace: undefined, streams });
  const sweep = new OrphanSweep({ ...settling, runner, reclaimer, streams, suspects, everyMs: 50 });
  await suspects.start();
  await sweep.start();
  await expect.poll(() => redis.exists(keys.job('S1', id)), { timeout: 5000 }).toBe(0);
  await suspects.stop();
  await sweep.stop();
  expect(complete.mock.calls.length).toBe(11);
  expect(handle).toHaveBeenCalledTimes(1);
  expect(await redis.exists(keys.suspects('S1'), keys.unfinished('S1').active)).toBe(0);
  await queues.close();
});

it('a job that a worker took before it was frozen does not run once the lease is lost', async () => {
  const makeCertain = vi.fn<() => Promise<boolean>>().mockResolvedValueOnce(false).mockResolvedValue(true);
  const { runner, handle } = startRunner(undefined, { certain: false, makeCertain });
  const [lost, ours] = [requestId(randomUUID(), 'S1'), requestId(randomUUID(), 'S1')];
  const job = encodeJob(request, { ...terms, redelivery: 'never' });
  void runner.run(lost, job, 1);
  await runner.run(ours, job, 1);
  // The worker has one slot, so the second job ran after the decision about the first one.
  expect(handle.mock.calls.map(([, { requestId: id }]) => id)).toEqual([ours]);
  expect(runner.running).toEqual([lost]);
});

it('an ordered request whose job is gone does not run, and delays no other', async () => {
  const { runner, handle } = startRunner();
  const id = requestId(randomUUID(), 'S1');
  expect(await runner.run(id, encodeJob(request, { ...terms, order: 'o' }), 1)).toBeUndefined();
  expect([runner.size, handle.mock.calls.length]).toEqual([0, 0]);
});

it('an ordered request waits while Redis refuses to say which one is next', async () => {
  const { runner, turns, handle } = startRunner();
  const refused = Object.assign(new Error('OOM command not allowed'), { name: 'ReplyError' });
  vi.spyOn(turns, 'take').mockRejectedValueOnce(refused).mockResolvedValueOnce({ attempt: 1 });
  const job: JobData = encodeJob(request, { ...terms, order: 'o' });
  await runner.run(requestId(randomUUID(), 'S1'), job, 1);
  expect(handle).toHaveBeenCalledTimes(1);
});

it('a request that must not run twice waits for room to remember its end; others do not', async () => {
  const finished = new FinishedRuns(1, 500);
  const { runner, handle } = startRunner(finished);
  const run = (redelivery: 'safe' | 'never', others = {}): Promise<unknown> =>
    runner.run(requestId(randomUUID(), 'S1'), encodeJob(request, { ...terms, redelivery, ...others }), 1);
  const began = performance.now();
  await run('never');
  const second = run('never');
  await run('never', { deadline: Date.now() + 100 });
  await run('safe');
  expect(handle).toHaveBeenCalledTimes(2);
  await second;
  expect(performance.now() - began).toBeGreaterThanOrEqual(500);
  expect(handle).toHaveBeenCalledTimes(3);
});

it('a request is retried even if Redis refuses to record that it waits', async () => {
  const { runner, handle } = startRunner();
  handle.mockResolvedValueOnce({ status: 503, headers: [], body: Buffer.alloc(0) });
  const { redis, keys } = system();
  const id = requestId(randomUUID(), 'S1');
  // A key of another type makes it impossible to write the record.
  await redis.set(keys.request('S1', id), 'in the way');
  const again = await runner.run(id, encodeJob(request, { ...terms, attempts: 2, keepMs: 1000 }), 1);
  expect(again).toEqual({ notBefore: expect.any(Number) });
});

it('a request that has already ended is neither run nor retried', async () => {
  const { runner, handle } = startRunner();
  const { redis, keys } = system();
  const id = requestId(randomUUID(), 'S1');
  await redis.hset(keys.request('S1', id), { state: 'done', status: 200 });
  const job = encodeJob(request, { ...terms, attempts: 3, keepMs: 1000 });
  expect(await runner.run(id, job, 1)).toBeUndefined();
  expect(handle).not.toHaveBeenCalled();
  expect(await redis.hget(keys.request('S1', id), 'state')).toBe('done');
});

it('a retry of a worker that was superseded leaves the record, and the job, to the next one', async () => {
  const { runner, handle } = startRunner();
  const { redis, keys } = system();
  const id = requestId(randomUUID(), 'S1');
  handle.mockImplementationOnce(async () => {
    await redis.set(keys.leaseFence('S1'), 2);
    return { status: 503, headers: [], body: Buffer.alloc(0) };
  });
  const ended = vi.fn<() => void>();
  void runner.run(id, encodeJob(request, { ...terms, attempts: 2, keepMs: 1000 }), 1).then(ended);
  await expect.poll(() => redis.get(keys.leaseFence('S1'))).toBe('2');
  // The runner's script was sent on this connection before.
  await redis.ping();
  expect(await redis.hget(keys.request('S1', id), 'state')).toBe('running');
  expect(ended).not.toHaveBeenCalled();
  expect(runner.running).toEqual([id]);
});
