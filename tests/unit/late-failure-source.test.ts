import { expect, it } from 'vitest';
import { LateFailureSource } from '../../worker/handlers/late-failure-source.ts';
import { NotedSink } from '../fixtures/noted-sink.ts';
import { ScriptedSource } from '../fixtures/scripted-source.ts';

it('a failure is told after the wait, and the rest at once', async () => {
  const [source, sink] = [new ScriptedSource(), new NotedSink()];
  const waited = Promise.withResolvers<void>();
  new LateFailureSource(source, () => waited.promise).start(sink);
  source.bytes('ab');
  source.fail('broken');
  await Promise.resolve();
  expect([sink.length, sink.outcome]).toEqual([2, undefined]);
  waited.resolve();
  expect(await sink.over).toEqual({ failed: 'broken' });
});

it('an answer that is complete does not wait', () => {
  const [source, sink] = [new ScriptedSource(), new NotedSink()];
  const late = new LateFailureSource(source, () => new Promise(() => undefined));
  late.start(sink);
  late.pause();
  expect(source.paused).toBe(true);
  late.resume();
  expect(source.paused).toBe(false);
  source.end();
  expect(sink.outcome).toEqual({ ended: true });
});

it('a failure is not told if the source is cancelled during the wait', async () => {
  const [source, sink] = [new ScriptedSource(), new NotedSink()];
  const waited = Promise.withResolvers<void>();
  const late = new LateFailureSource(source, () => waited.promise);
  late.start(sink);
  source.fail('broken');
  late.cancel('the client has left');
  waited.resolve();
  await waited.promise;
  await Promise.resolve();
  expect(sink.outcome).toBeUndefined();
});
