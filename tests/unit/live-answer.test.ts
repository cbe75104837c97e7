import { expect, it } from 'vitest';
import { decodeFrame } from '#shared/contract/frame.ts';
import type { Frame } from '#shared/contract/frame.ts';
import { problemReply } from '#shared/contract/problem.ts';
import { createLogger } from '#shared/process/logger.ts';
import { RedisClock } from '#shared/store/redis/redis-clock.ts';
import { ResponseSource } from '../../worker/handlers/response-source.ts';
import { Running } from '../../worker/run/running.ts';
import { FirstBytes } from '../../worker/stream/first-bytes.ts';
import { ChunkBatches } from '../../worker/stream/chunk-batches.ts';
import { LiveAnswer } from '../../worker/stream/live-answer.ts';
import type { LiveSending } from '../../worker/stream/live-answer.ts';
import { StreamSignals } from '../../worker/stream/stream-signals.ts';

const clock = new RedisClock({ time: () => Promise.reject(new Error('it is not asked')) });
const log = createLogger('test', 'silent');
const job = {
  method: 'GET',
  target: '/',
  headers: [],
  gateway: 'g',
  deadline: Date.now() + 60_000,
  redelivery: 'safe',
} as const;

/** Opens an answer whose source is a stream of a handler. */
async function open() {
  const running = new Running(job, clock);
  const failures: unknown[] = [];
  const last: Frame[] = [];
  const sending: LiveSending = {
    fence: 1,
    adopter: undefined,
    sendHead: () => Promise.resolve(),
    sendLast: (_, { frame }) => Promise.resolve(void last.push(decodeFrame(Buffer.from(frame ?? '')))),
    chunks: new ChunkBatches({ fence: 1, push: () => Promise.resolve(), log }),
    signals: new StreamSignals(1, () => undefined),
    problemOf: (_, error) => {
      failures.push(error);
      return problemReply('handler_failed', '');
    },
  };
  const broken = Promise.withResolvers<undefined>();
  const stream = new ReadableStream({ pull: () => broken.promise });
  const rest = new ResponseSource(stream, running.signal, (reason) => running.abandon(reason));
  const started = { head: { status: 200, headers: [] }, first: new FirstBytes(), rest };
  const answer = new LiveAnswer(started, { id: 'r', gateway: 'g', running }, sending);
  const opened = await answer.open();
  if (opened.kind !== 'open') throw new Error('it is not open');
  return { answer, running, failures, last, ended: opened.ended, fail: broken.reject };
}

it.each([
  ['its client leaves', 'cancelled', (answer: LiveAnswer) => answer.cancel('client')],
  [
    'its source brings nothing',
    'reply_timeout',
    (answer: LiveAnswer) => answer.abort('reply_timeout', new DOMException('idle', 'TimeoutError')),
  ],
  [
    'its worker stops',
    'worker_died',
    (answer: LiveAnswer) => answer.abort('worker_died', new DOMException('stop', 'AbortError')),
  ],
])('an answer is aborted if %s, which is no failure of its handler', async (_, code, abort) => {
  const { answer, failures, last, ended } = await open();
  abort(answer);
  expect(await ended).toBe('ended');
  expect(last).toEqual([{ kind: 'abort', id: 'r', fence: 1, code }]);
  expect(failures).toEqual([]);
});

it('an answer is aborted if its handler fails, whose signal fires', async () => {
  const { running, failures, last, ended, fail } = await open();
  const error = new RangeError('no');
  fail(error);
  expect(await ended).toBe('ended');
  expect(last).toMatchObject([{ kind: 'abort', code: 'handler_failed' }]);
  expect(failures).toEqual([error]);
  expect([running.signal.reason, running.isAborted]).toEqual([error, false]);
});
