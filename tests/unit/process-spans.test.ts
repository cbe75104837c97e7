import * as api from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { expect, it } from 'vitest';
import { problemReply } from '#shared/contract/problem.ts';
import { Telemetry } from '#shared/trace/telemetry.ts';
import { BrokenAnswerError } from '../../worker/handlers/broken-answer.ts';
import { answerTooLarge } from '../../worker/handlers/gathered-body.ts';
import { isSourced } from '../../worker/handlers/handler.ts';
import type { Handler } from '../../worker/handlers/handler.ts';
import { ProcessSpans } from '../../worker/trace/process-spans.ts';
import { NotedSink } from '../fixtures/noted-sink.ts';
import { ScriptedSource } from '../fixtures/scripted-source.ts';
import { seenOf } from '../fixtures/seen-spans.ts';
import type { SeenSpan } from '../fixtures/seen-spans.ts';

/** The answer of a traced handler, of which nothing has come yet. */
class TracedAnswer {
  readonly origin = new ScriptedSource();
  readonly sink = new NotedSink();
  readonly controller = new AbortController();
  readonly #exporter = new InMemorySpanExporter();

  /** The spans that have ended. */
  get spans(): readonly SeenSpan[] {
    return this.#exporter.getFinishedSpans().map(seenOf);
  }

  /** @param isLater whether the handler answers with a promise. */
  async start(isLater: boolean): Promise<void> {
    const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(this.#exporter)] });
    const spans = new ProcessSpans(new Telemetry(api, provider.getTracer('test'), provider));
    const answer = { status: 200, headers: [], source: this.origin };
    const handler: Handler = {
      handle: () => (isLater ? Promise.resolve(answer) : answer),
      close: () => Promise.resolve(),
    };
    const traced = await spans
      .around(handler, 'S1')
      .handle(
        { method: 'GET', target: '/', headers: [], body: Buffer.alloc(0) },
        { replica: 'S1', requestId: 'r', attempt: 1, deadline: 0, signal: this.controller.signal },
      );
    if (!isSourced(traced)) throw new Error('the answer is whole');
    traced.source.start(this.sink);
    this.origin.bytes('ab');
    expect([this.spans, this.sink.length]).toEqual([[], 2]);
    this.cancel = (reason) => traced.source.cancel(reason);
  }

  cancel: (reason: unknown) => void = () => undefined;
}

it.each([false, true])('a span ends with the last byte of the answer (promised: %s)', async (isLater) => {
  const answer = new TracedAnswer();
  await answer.start(isLater);
  answer.origin.end();
  expect(answer.sink.outcome).toEqual({ ended: true });
  expect(answer.spans).toMatchObject([{ failed: false, attributes: { 'http.response.status_code': 200 } }]);
});

it.each([
  ['handler fails', (answer: TracedAnswer) => answer.origin.fail(new RangeError('no')), 'RangeError'],
  [
    'upstream breaks',
    (answer: TracedAnswer) => {
      answer.origin.fail(new BrokenAnswerError(problemReply('outcome_unknown', 'It broke.')));
    },
    'outcome_unknown',
  ],
  ['answer is too large', (answer: TracedAnswer) => answer.cancel(answerTooLarge), 'reply_too_large'],
  ['client leaves', (answer: TracedAnswer) => answer.cancel('the client has left'), 'cancelled'],
  [
    'deadline comes',
    (answer: TracedAnswer) => {
      const late = new DOMException('late', 'TimeoutError');
      answer.controller.abort(late);
      answer.origin.fail(late);
    },
    'reply_timeout',
  ],
  [
    'answer is too large, and its signal fires for that',
    (answer: TracedAnswer) => {
      answer.origin.cancel = (reason) => answer.controller.abort(reason);
      answer.cancel(answerTooLarge);
    },
    'reply_too_large',
  ],
])('a span fails if the %s', async (_, happen, type) => {
  const answer = new TracedAnswer();
  await answer.start(true);
  happen(answer);
  expect(answer.spans).toMatchObject([{ failed: true, attributes: { 'error.type': type } }]);
});

it('a span fails because of an abort that its source hears of first', async () => {
  const answer = new TracedAnswer();
  const { signal } = answer.controller;
  signal.addEventListener('abort', () => answer.origin.fail(signal.reason));
  await answer.start(true);
  answer.controller.abort(new DOMException('late', 'TimeoutError'));
  expect(answer.spans).toMatchObject([{ failed: true, attributes: { 'error.type': 'reply_timeout' } }]);
});
