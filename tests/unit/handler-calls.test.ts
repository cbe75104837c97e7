import { describe, expect, it } from 'vitest';
import type { JobData } from '#shared/contract/job.ts';
import { problemReply } from '#shared/contract/problem.ts';
import { createLogger } from '#shared/process/logger.ts';
import { RedisClock } from '#shared/store/redis/redis-clock.ts';
import { BrokenAnswerError } from '../../worker/handlers/broken-answer.ts';
import type { HandlerAnswer } from '../../worker/handlers/handler.ts';
import { ReplyBudget } from '../../worker/handlers/reply-budget.ts';
import { FinishedRuns } from '../../worker/run/finished-runs.ts';
import { HandlerCalls } from '../../worker/run/handler-calls.ts';
import type { Answered } from '../../worker/run/handler-calls.ts';
import { Running } from '../../worker/run/running.ts';
import { ScriptedSource } from '../fixtures/scripted-source.ts';

const clock = new RedisClock({ time: () => Promise.reject(new Error('it is not asked')) });

/** A call of a handler whose answer comes from a scripted source. */
interface Called {
  readonly source: ScriptedSource;
  readonly running: Running;
  readonly replied: Promise<Answered>;
}

/** @param isLater whether the handler answers with a promise. */
async function called(isLater: boolean, rest: Partial<JobData> = {}): Promise<Called> {
  const source = new ScriptedSource();
  const answer: HandlerAnswer = { status: 200, headers: ['a', 'b'], source };
  const calls = new HandlerCalls({
    handler: {
      handle: () => (isLater ? Promise.resolve(answer) : answer),
      close: () => Promise.resolve(),
    },
    replica: 'S1',
    worker: 'S2',
    finished: new FinishedRuns(),
    budget: new ReplyBudget(1000),
    streamAboveBytes: 1000,
    onHints: () => undefined,
    log: createLogger('test', 'silent'),
  });
  const job: JobData = {
    method: 'GET',
    target: '/',
    headers: [],
    gateway: 'g1',
    deadline: Date.now() + 60_000,
    redelivery: 'safe',
    ...rest,
  };
  const running = new Running(job, clock);
  const replied = Promise.resolve(calls.answer('r', job, 1, running));
  await expect.poll(() => source.isStarted, { interval: 1 }).toBe(true);
  return { source, running, replied };
}

describe.each([false, true])('an answer with a source (promised: %s)', (isLater) => {
  it('is gathered, and says who has answered', async () => {
    const { source, replied } = await called(isLater);
    source.bytes('ab');
    source.bytes('cd');
    source.end();
    expect(await replied).toEqual({
      status: 200,
      headers: ['a', 'b', 'Ringpost-Adopted-By', 'S2'],
      body: Buffer.from('abcd'),
    });
  });

  it('is 502 above the limit', async () => {
    const { source, replied } = await called(isLater);
    source.bytes('x'.repeat(1001));
    expect(await replied).toMatchObject({ status: 502, problem: 'reply_too_large' });
    expect(source.cancelled).toBe('the answer is too large');
  });

  it('is 500 if its handler fails in the middle, and 502 if its upstream breaks', async () => {
    const failed = await called(isLater);
    failed.source.bytes('ab');
    failed.source.fail(new RangeError('no'));
    expect(await failed.replied).toMatchObject({ status: 500, problem: 'handler_failed' });
    const broken = await called(isLater);
    broken.source.bytes('ab');
    broken.source.fail(new BrokenAnswerError(problemReply('outcome_unknown', 'It broke.')));
    expect(await broken.replied).toMatchObject({ status: 502, problem: 'outcome_unknown' });
  });

  it('is cancelled at the deadline of its request, and there is no reply', async () => {
    const { source, replied } = await called(isLater, { deadline: Date.now() + 50 });
    source.bytes('ab');
    expect(await replied).toBeUndefined();
    expect(source.cancelled).toMatchObject({ name: 'TimeoutError' });
  });

  it('is cancelled with its request, and the client learns it', async () => {
    const { source, running, replied } = await called(isLater);
    source.bytes('ab');
    const reason = new DOMException('request r is cancelled', 'AbortError');
    running.abort(reason);
    expect(await replied).toMatchObject({ status: 409, problem: 'cancelled' });
    expect(source.cancelled).toBe(reason);
  });
});
