import { beforeEach, describe, expect, it } from 'vitest';
import { OutgoingStream } from '../../worker/stream/outgoing-stream.ts';
import { StreamSignals } from '../../worker/stream/stream-signals.ts';
import type { LiveStream } from '../../worker/stream/stream-signals.ts';
import { ScriptedSource } from '../fixtures/scripted-source.ts';

const fence = 7;
let signals: StreamSignals;
/** What the signals led to, e.g. `client a`. */
let notes: string[];
let now: number;

beforeEach(() => {
  notes = [];
  now = 0;
  signals = new StreamSignals({
    onEnd: ({ id }, cause) => notes.push(`${cause} ${id}`),
    ask: ({ id }) => notes.push(`ask ${id}`),
    idleTimeoutMs: 100_000,
  });
});

/** Opens a stream that may send 2 bytes, and has them if it is to wait for credit. */
function open(id: string, { gateway = 'G1', blocked = false } = {}): LiveStream {
  const ignore = (): void => undefined;
  const events = { ready: ignore, blocked: ignore, ending: ignore, failed: ignore };
  const started = {
    head: { status: 200, headers: [] },
    first: Buffer.alloc(blocked ? 2 : 0),
    rest: new ScriptedSource(),
  };
  const outgoing = new OutgoingStream(started, 2, events, () => now);
  outgoing.opened();
  const stream = { id, gateway, fence, outgoing };
  signals.add(stream, now);
  return stream;
}

describe('signals about the streams of a worker', () => {
  it('grant credit to the stream of that fence', () => {
    const { outgoing } = open('a', { blocked: true });
    signals.receive({ kind: 'grant', id: 'a', fence: 6, offset: 9 }, now);
    signals.receive({ kind: 'grant', id: 'b', fence, offset: 9 }, now);
    expect(outgoing.state).toBe('blocked');
    signals.receive({ kind: 'grant', id: 'a', fence, offset: 9 }, now);
    expect(outgoing.state).toBe('flowing');
  });

  it('end the stream of that fence if its client has left, once', () => {
    open('a');
    signals.receive({ kind: 'cancel', id: 'a', fence: 6 }, now);
    expect(notes).toEqual([]);
    for (let times = 0; times < 2; times += 1) signals.receive({ kind: 'cancel', id: 'a', fence }, now);
    expect([notes, signals.size]).toEqual([['client a'], 0]);
  });

  it('are asked for again every second by streams that wait for credit', () => {
    open('a');
    open('b', { blocked: true });
    signals.check(1000);
    signals.check(2000);
    expect(notes).toEqual(['ask b', 'ask b']);
  });

  it('are asked for by all streams once messages arrive again', () => {
    open('a');
    open('b', { blocked: true });
    signals.listening(0);
    expect(notes).toEqual(['ask a', 'ask b']);
  });
});

describe('streams to a gateway', () => {
  it('end after 15 s without a word of it, and not those to another one', () => {
    signals.listening(0);
    for (const gateway of ['G1', 'G2']) open(`to ${gateway}`, { gateway });
    signals.receive({ kind: 'present', gateway: 'G2' }, 10_000);
    signals.check(14_999);
    expect(notes).toEqual([]);
    signals.check(15_000);
    expect(notes).toEqual(['gateway to G1']);
    signals.check(24_999);
    expect(notes).toEqual(['gateway to G1']);
    signals.check(25_000);
    expect(notes).toEqual(['gateway to G1', 'gateway to G2']);
  });

  it('do not end while no messages arrive, and for 15 s after that', () => {
    signals.listening(0);
    signals.deaf();
    open('a');
    signals.check(59_000);
    expect(notes).toEqual([]);
    signals.listening(59_000);
    signals.check(73_999);
    expect(notes).toEqual(['ask a']);
    signals.check(74_000);
    expect(notes).toEqual(['ask a', 'gateway a']);
  });

  it('count from the first of them, if the gateway had none before', () => {
    signals.listening(0);
    open('a');
    signals.remove('a');
    signals.check(1000);
    now = 100_000;
    open('b');
    signals.check(114_999);
    expect(notes).toEqual([]);
    signals.check(115_000);
    expect(notes).toEqual(['gateway b']);
  });
});

describe('a stream whose source brings nothing', () => {
  it('ends after the time for that, unless it waits for credit', () => {
    open('a');
    open('b', { blocked: true });
    signals.check(99_999);
    expect(notes).toEqual(['ask b']);
    signals.check(100_000);
    expect(notes.filter((note) => !note.startsWith('ask'))).toEqual(['idle a']);
  });
});
