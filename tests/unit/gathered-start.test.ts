import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ByteSink, SourcedReply } from '../../worker/handlers/handler.ts';
import { ReplyBudget } from '../../worker/handlers/reply-budget.ts';
import { gatherStart } from '../../worker/stream/gathered-start.ts';
import { isStream } from '../../worker/stream/started-stream.ts';
import type { GatheredStart, StartedStream } from '../../worker/stream/started-stream.ts';
import type { StreamDecision } from '../../worker/stream/stream-decision.ts';
import { ScriptedSource } from '../fixtures/scripted-source.ts';

const limitBytes = 1000;
const aboveBytes = 10;

interface Gathering {
  readonly source: ScriptedSource;
  readonly controller: AbortController;
  readonly settled: Promise<GatheredStart>;
}

function gather(decision: StreamDecision, rest: Partial<SourcedReply> = {}): Gathering {
  const source = new ScriptedSource();
  const controller = new AbortController();
  const terms = { id: 'r', budget: new ReplyBudget(limitBytes), aboveBytes };
  const reply = { status: 200, reason: 'Fine', headers: ['x', 'y'], source, ...rest };
  return { source, controller, settled: gatherStart(reply, decision, terms, controller.signal) };
}

/** @returns the stream that an answer has become. */
async function streamOf({ settled }: Gathering): Promise<StartedStream> {
  const start = await settled;
  if (!isStream(start)) return expect.fail('the answer is whole');
  return start;
}

/** Notes what it gets. */
class NotedSink implements ByteSink {
  readonly notes: string[] = [];
  bytes = (chunk: Uint8Array): void => void this.notes.push(Buffer.from(chunk).toString());
  end = (): void => void this.notes.push('(end)');
  fail = (error: unknown): void => void this.notes.push(`(${String(error)})`);
}

const whole = (text: string): object => ({
  status: 200,
  reason: 'Fine',
  headers: ['x', 'y'],
  body: Buffer.from(text),
});

describe('an answer of unknown length', () => {
  it.each(['afterTurn', 'afterMs'] as const)('is whole if it ends at once (%s)', async (decision) => {
    const { source, settled } = gather(decision);
    source.bytes('ab');
    source.bytes('cd');
    source.end();
    await expect(settled).resolves.toEqual(whole('abcd'));
  });

  it('is whole if it ends in a later turn within 5 ms', async () => {
    const { source, settled } = gather('afterMs');
    source.bytes('ab');
    await turn();
    source.end();
    await expect(settled).resolves.toEqual(whole('ab'));
  });

  it.each(['afterTurn', 'afterMs'] as const)(
    'is a stream if it has not ended by then (%s)',
    async (decision) => {
      const gathering = gather(decision);
      gathering.source.bytes('ab');
      const { head, first } = await streamOf(gathering);
      expect(head).toEqual({ status: 200, reason: 'Fine', headers: ['x', 'y'] });
      expect(first.take().toString()).toBe('ab');
      expect(gathering.source.paused).toBe(true);
    },
  );

  it('is a stream as soon as it has more bytes than the limit', async () => {
    const gathering = gather('afterMs');
    gathering.source.bytes('x'.repeat(aboveBytes + 1));
    expect(gathering.source.paused).toBe(true);
    expect((await streamOf(gathering)).first).toHaveLength(aboveBytes + 1);
  });

  it('is a stream if its first bytes are more than a whole answer may have', async () => {
    const gathering = gather('afterMs');
    gathering.source.bytes('x'.repeat(limitBytes + 1));
    const { first, rest } = await streamOf(gathering);
    const sink = new NotedSink();
    rest.start(sink);
    await turn();
    expect([first.length, sink.notes.join('').length]).toEqual([0, limitBytes + 1]);
  });

  it('fails with its source, or with the end of its request', async () => {
    const failed = gather('afterMs');
    failed.source.fail(new Error('broken'));
    await expect(failed.settled).rejects.toThrow('broken');
    const aborted = gather('afterMs');
    aborted.controller.abort(new Error('too late'));
    await expect(aborted.settled).rejects.toThrow('too late');
    expect(aborted.source.cancelled).toEqual(new Error('too late'));
  });

  it('is not read if its request has ended already', async () => {
    const source = new ScriptedSource();
    const terms = { id: 'r', budget: new ReplyBudget(limitBytes), aboveBytes };
    const reply = { status: 200, headers: [], source };
    const signal = AbortSignal.abort(new Error('too late'));
    await expect(gatherStart(reply, 'afterTurn', terms, signal)).rejects.toThrow('too late');
    expect(source.cancelled).toEqual(new Error('too late'));
  });
});

describe('an answer that is to be whole', () => {
  it('is gathered however long it takes, and whatever STREAM_ABOVE_BYTES says', async () => {
    const { source, settled } = gather('whole');
    for (let part = 0; part < 3; part += 1) {
      source.bytes('x'.repeat(aboveBytes));
      await turn();
    }
    source.end();
    await expect(settled).resolves.toEqual(whole('x'.repeat(3 * aboveBytes)));
  });

  it.each([{ length: limitBytes + 1 }, {}])('is 502 above the limit of the worker (%j)', async (rest) => {
    const { source, settled } = gather('whole', rest);
    source.bytes('x'.repeat(limitBytes + 1));
    await expect(settled).resolves.toMatchObject({ status: 502, problem: 'reply_too_large' });
    expect(source.cancelled).toBe('the answer is too large');
  });
});

describe('the rest of a stream', () => {
  it('is its source itself if it is a stream at once', async () => {
    const gathering = gather('stream');
    const { first, rest } = await streamOf(gathering);
    expect([first.length, rest === gathering.source, gathering.source.isStarted]).toEqual([0, true, false]);
  });

  it('begins with what was under way when the source was paused, and then follows the source', async () => {
    const gathering = gather('afterTurn');
    const { rest } = await streamOf(gathering);
    gathering.source.bytes('a');
    const sink = new NotedSink();
    rest.start(sink);
    expect(sink.notes).toEqual([]);
    await turn();
    expect([sink.notes, gathering.source.paused]).toEqual([['a'], false]);
    gathering.source.bytes('b');
    gathering.source.end();
    expect(sink.notes).toEqual(['a', 'b', '(end)']);
  });

  it('stops at a pause, also within what was kept, and ends after it', async () => {
    const gathering = gather('afterTurn');
    const { rest } = await streamOf(gathering);
    for (const text of ['a', 'b']) gathering.source.bytes(text);
    gathering.source.end();
    const sink = new NotedSink();
    rest.start({
      end: sink.end,
      fail: sink.fail,
      bytes: (chunk) => {
        sink.bytes(chunk);
        rest.pause();
      },
    });
    await turn();
    expect(sink.notes).toEqual(['a']);
    rest.resume();
    expect(sink.notes).toEqual(['a', 'b']);
    rest.resume();
    expect(sink.notes).toEqual(['a', 'b', '(end)']);
  });

  it('fails after what came before', async () => {
    const gathering = gather('afterTurn');
    const { rest } = await streamOf(gathering);
    gathering.source.bytes('a');
    gathering.source.fail('broken');
    const sink = new NotedSink();
    rest.start(sink);
    await turn();
    expect(sink.notes).toEqual(['a', '(broken)']);
  });

  it.each(['held', 'flowing'])('is cancelled with its source while it is %s', async (state) => {
    const gathering = gather('afterTurn');
    const { rest } = await streamOf(gathering);
    const sink = new NotedSink();
    if (state === 'flowing') rest.start(sink);
    rest.cancel('the client has left');
    await turn();
    expect([gathering.source.cancelled, sink.notes]).toEqual(['the client has left', []]);
  });
});
