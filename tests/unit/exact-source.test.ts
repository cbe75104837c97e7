import { expect, it } from 'vitest';
import { ExactSource } from '../../worker/stream/exact-source.ts';
import { NotedSink } from '../fixtures/noted-sink.ts';
import { ScriptedSource } from '../fixtures/scripted-source.ts';

interface Started {
  readonly source: ScriptedSource;
  readonly sink: NotedSink;
  readonly exact: ExactSource;
}

function started(length: number): Started {
  const [source, sink] = [new ScriptedSource(), new NotedSink()];
  const exact = new ExactSource(source, length);
  exact.start(sink);
  return { source, sink, exact };
}

it('an answer of the stated length is passed on', () => {
  const { source, sink } = started(4);
  source.bytes('ab');
  source.bytes('cd');
  source.end();
  expect([sink.whole.toString(), sink.outcome]).toEqual(['abcd', { ended: true }]);
});

it('a longer one fails before a byte too many, and its origin is cancelled', () => {
  const { source, sink } = started(3);
  source.bytes('ab');
  source.bytes('cd');
  const failure = new TypeError('the answer has more bytes than its Content-Length of 3');
  expect([sink.whole.toString(), sink.outcome]).toEqual(['ab', { failed: failure }]);
  expect(source.cancelled).toEqual(failure);
  source.end();
});

it('a shorter one fails at its end', () => {
  const { source, sink } = started(3);
  source.bytes('ab');
  source.end();
  const failure = new TypeError('the answer has fewer bytes than its Content-Length of 3');
  expect(sink.outcome).toEqual({ failed: failure });
});

it('one that fails, is paused, resumed or cancelled does so with its origin', () => {
  const { source, sink, exact } = started(3);
  exact.pause();
  expect(source.paused).toBe(true);
  exact.resume();
  expect(source.paused).toBe(false);
  source.fail('broken');
  expect(sink.outcome).toEqual({ failed: 'broken' });
  exact.cancel('no use');
  expect(source.cancelled).toBe('no use');
});
