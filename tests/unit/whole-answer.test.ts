import { describe, expect, it } from 'vitest';
import { problemReply } from '#shared/contract/problem.ts';
import { BrokenAnswerError } from '../../worker/handlers/broken-answer.ts';
import { BytesSource } from '../../worker/handlers/bytes-source.ts';
import type { SourcedReply } from '../../worker/handlers/handler.ts';
import { ReplyBudget } from '../../worker/handlers/reply-budget.ts';
import { gatherStart } from '../../worker/stream/gathered-start.ts';
import { isStream } from '../../worker/stream/started-stream.ts';
import type { GatheredStart } from '../../worker/stream/started-stream.ts';
import { gatherWhole } from '../../worker/stream/whole-answer.ts';
import { ScriptedSource } from '../fixtures/scripted-source.ts';

const limitBytes = 200_000;
const never = new AbortController().signal;

const gather = (answer: SourcedReply, budget = new ReplyBudget(limitBytes), signal = never) =>
  gatherWhole(answer, 'r', budget, signal);

describe('an answer that is gathered', () => {
  it.each([
    ['3', 3, ['a', 'b', 'content-length', '3']],
    ['4', 4, ['a', 'b']],
    ['2', 2, ['a', 'b']],
  ])('keeps its Content-Length %s only if that is right', async (stated, length, headers) => {
    const source = new ScriptedSource();
    const settled = gather({ status: 200, headers: ['a', 'b', 'content-length', stated], source, length });
    source.bytes('abc');
    source.end();
    expect(await settled).toEqual({ status: 200, headers, body: Buffer.from('abc') });
  });

  it('is the problem of its source if it breaks off', async () => {
    const source = new ScriptedSource();
    const settled = gather({ status: 200, headers: [], source });
    source.bytes('abc');
    const problem = problemReply('outcome_unknown', 'It broke.');
    source.fail(new BrokenAnswerError(problem));
    expect(await settled).toBe(problem);
  });

  it('is not started if it states too many bytes', async () => {
    const source = new ScriptedSource();
    const answer = { status: 200, headers: [], source, length: limitBytes + 1 };
    expect(await gather(answer)).toMatchObject({ problem: 'reply_too_large' });
    expect([source.isStarted, source.cancelled]).toEqual([false, 'the answer is too large']);
  });
});

describe('bytes that are there already', () => {
  it('are not copied, and count in the budget', async () => {
    const body = Buffer.alloc(100_000, 'x');
    const budget = new ReplyBudget(limitBytes);
    const answer = { status: 200, headers: [], source: new BytesSource(body), length: body.length };
    expect((await gather(answer, budget)).body).toBe(body);
    expect(budget.heldBytes).toBe(100_000);
  });

  it('may be a text', async () => {
    const text = '\u20ac'.repeat(50_000);
    const answer = { status: 200, headers: [], source: new BytesSource(text), length: 150_000 };
    expect((await gather(answer)).body.toString()).toBe(text);
  });

  it('are 502 above the limit', async () => {
    const source = new BytesSource(Buffer.alloc(limitBytes + 1));
    const answer = { status: 200, headers: [], source, length: limitBytes + 1 };
    expect(await gather(answer)).toMatchObject({ status: 502, problem: 'reply_too_large' });
  });

  it('are not counted if the request has ended: nothing would release them', async () => {
    const budget = new ReplyBudget(limitBytes);
    const answer = { status: 200, headers: [], source: new BytesSource(Buffer.alloc(100_000)) };
    const late = new Error('too late');
    await expect(gather({ ...answer, length: 100_000 }, budget, AbortSignal.abort(late))).rejects.toBe(late);
    expect(budget.heldBytes).toBe(0);
  });
});

describe('a stream of known length', () => {
  const start = (headers: readonly string[]): Promise<GatheredStart> =>
    gatherStart(
      { status: 200, headers, source: new ScriptedSource(), length: 7 },
      'stream',
      { id: 'r', budget: new ReplyBudget(limitBytes), aboveBytes: 1 },
      never,
    );

  it.each([
    [[], ['content-length', '7']],
    [
      ['Content-Length', '7', 'a', 'b'],
      ['Content-Length', '7', 'a', 'b'],
    ],
  ])('says its length in its head: %j', async (headers, sent) => {
    const started = await start(headers);
    expect(isStream(started) && started.head.headers).toEqual(sent);
  });
});
