import { windowBytes } from '#shared/contract/frame.ts';
import * as fc from 'fast-check';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { FirstBytes } from '../../worker/stream/first-bytes.ts';
import { OutgoingStream } from '../../worker/stream/outgoing-stream.ts';
import type { OutgoingEvents } from '../../worker/stream/outgoing-stream.ts';
import type { StartedStream } from '../../worker/stream/started-stream.ts';
import { ScriptedSource } from '../fixtures/scripted-source.ts';
import { answerBytes, StreamedPair } from '../fixtures/streamed-pair.ts';
import type { Fate } from '../fixtures/streamed-pair.ts';

/** Notes what a stream tells. */
class NotedEvents implements OutgoingEvents {
  readonly notes: string[] = [];
  room = false;
  ready = (): void => void this.notes.push('ready');
  hasRoom = (): boolean => this.room;
  blocked = (): void => void this.notes.push('blocked');
  ending = (length: number): void => void this.notes.push(`ending ${length}`);
  failed = (error: unknown): void => void this.notes.push(`failed ${String(error)}`);
}

interface Made {
  readonly stream: OutgoingStream;
  readonly source: ScriptedSource;
  readonly notes: string[];
}

let now = 0;

function made(first: string, credit: number, room = false): Made {
  const source = new ScriptedSource();
  const events = new NotedEvents();
  events.room = room;
  const bytes = new FirstBytes(Buffer.from(first));
  const started = { head: { status: 200, headers: [] }, first: bytes, rest: source };
  return { stream: new OutgoingStream(started, credit, events, () => now), source, notes: events.notes };
}

function opened(first: string, credit: number, room = false): Made {
  const all = made(first, credit, room);
  all.stream.opened();
  return all;
}

/** @returns the text of the next piece. */
function taken(stream: OutgoingStream, maxBytes = 100): string | undefined {
  const piece = stream.take(maxBytes);
  return piece === undefined ? undefined : `${piece.offset} ${Buffer.concat(piece.parts).toString()}`;
}

describe('a stream that is sent', () => {
  it('sends nothing, and does not read its source, before its head is in the inbox', () => {
    const { stream, source, notes } = made('ab', 100);
    expect(Buffer.from(stream.headBytes).toString()).toBe('ab');
    expect([stream.take(100), source.isStarted, stream.idleSince, notes]).toEqual([
      undefined,
      false,
      undefined,
      [],
    ]);
  });

  it('has at most 4 KiB in its head, and sends the rest as chunks', () => {
    const { stream, notes } = made('x'.repeat(5000), 100_000);
    expect(stream.headBytes).toHaveLength(4096);
    stream.opened();
    expect(notes).toEqual(['ready']);
    expect(stream.take(10_000)).toMatchObject({ offset: 4096, length: 904 });
  });

  it('gives what its source brings in pieces of the size that is asked for', () => {
    const { stream, source } = opened('', 100);
    for (const text of ['abc', 'd', 'efgh']) source.bytes(text);
    expect([taken(stream, 2), taken(stream, 4), taken(stream), taken(stream)]).toEqual([
      '0 ab',
      '2 cdef',
      '6 gh',
      undefined,
    ]);
  });

  it('pauses its source and asks for credit when that is used up, and goes on with a grant', () => {
    const { stream, source, notes } = opened('ab', 4);
    source.bytes('cdef');
    expect(source.paused).toBe(true);
    expect([taken(stream), stream.state]).toEqual(['2 cd', 'flowing']);
    stream.sent(2);
    expect(stream.state).toBe('blocked');
    expect(notes).toEqual(['ready', 'blocked']);
    stream.grant(3);
    stream.grant(4);
    expect([stream.state, taken(stream)]).toEqual(['blocked', undefined]);
    stream.grant(7);
    expect([source.paused, taken(stream), stream.state]).toEqual([false, '4 ef', 'flowing']);
  });

  it('reads as much ahead as one push has, if the other streams hold little', () => {
    const { stream, source } = opened('', 1024 * 1024, true);
    for (let kib = 0; kib < 448; kib += 64) source.bytes(Buffer.alloc(64 * 1024));
    expect(source.paused).toBe(false);
    source.bytes(Buffer.alloc(64 * 1024));
    expect(source.paused).toBe(true);
    stream.take(64 * 1024);
    expect(source.paused).toBe(false);
  });

  it('pauses its source while many bytes wait to be sent', () => {
    const { stream, source } = opened('', 1_000_000);
    source.bytes(Buffer.alloc(65_535));
    expect(source.paused).toBe(false);
    source.bytes('x');
    expect(source.paused).toBe(true);
    stream.take(1);
    expect(source.paused).toBe(false);
  });

  it('ends once its source has ended and all pieces are in the inbox', () => {
    const { stream, source, notes } = opened('ab', 100);
    source.bytes('cd');
    source.end();
    taken(stream);
    expect(stream.state).toBe('flowing');
    stream.sent(2);
    expect([stream.state, notes]).toEqual(['ending', ['ready', 'ending 4']]);
    stream.ended();
    expect([stream.state, stream.abort('cancelled', 'late')]).toEqual(['ended', false]);
  });

  it('may end with its credit', () => {
    const { stream, source, notes } = opened('ab', 2);
    expect([stream.state, source.paused]).toEqual(['blocked', true]);
    stream.grant(3);
    source.end();
    expect(notes).toEqual(['blocked', 'ending 2']);
  });

  it('tells that its source has failed, and sends nothing once it is aborted', () => {
    const { stream, source, notes } = opened('', 100);
    source.bytes('ab');
    source.fail('broken');
    expect(notes).toEqual(['ready', 'failed broken']);
    expect(stream.abort('handler_failed', 'no use')).toBe(true);
    expect([stream.abortCode, taken(stream), source.cancelled]).toEqual([
      'handler_failed',
      undefined,
      undefined,
    ]);
  });

  it.each(['opening', 'flowing', 'blocked'] as const)(
    'cancels its source if it is aborted while %s',
    (state) => {
      const { stream, source } = made('abcd', state === 'blocked' ? 2 : 100);
      if (state !== 'opening') stream.opened();
      expect(stream.state).toBe(state);
      expect(stream.abort('cancelled', 'the client has left')).toBe(true);
      expect([stream.state, source.cancelled]).toEqual(['aborted', 'the client has left']);
      expect(stream.abort('cancelled', 'again')).toBe(false);
    },
  );

  it('is left without an abort if another worker has its job', () => {
    const { stream, source } = opened('', 100);
    source.bytes('ab');
    stream.leave('superseded');
    expect([stream.state, stream.abortCode, taken(stream), source.cancelled]).toEqual([
      'left',
      undefined,
      undefined,
      'superseded',
    ]);
  });

  it('does not hold the bytes that it began with once they are sent', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void; // the flag above defines it
    let held: WeakRef<Buffer> | undefined;
    const started = ((): StartedStream => {
      const first = Buffer.alloc(100_000);
      held = new WeakRef(first);
      return { head: { status: 200, headers: [] }, first: new FirstBytes(first), rest: new ScriptedSource() };
    })();
    const stream = new OutgoingStream(started, 200_000, new NotedEvents(), () => now);
    expect(stream.headBytes).toHaveLength(4096);
    stream.opened();
    while (stream.take(65_536) !== undefined);
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    expect(held?.deref()).toBeUndefined();
    expect([started.first.length, stream.state]).toEqual([0, 'flowing']);
  });

  it('is idle since its source was read or resumed last, and never while it is paused', () => {
    now = 10;
    const { stream, source } = opened('', 4);
    expect(stream.idleSince).toBe(10);
    now = 20;
    source.bytes('ab');
    expect(stream.idleSince).toBe(20);
    source.bytes('cd');
    expect(stream.idleSince).toBeUndefined();
    taken(stream);
    now = 30;
    stream.grant(100);
    expect(stream.idleSince).toBe(30);
    source.end();
    expect(stream.idleSince).toBeUndefined();
  });
});

const fate = fc.constantFrom<Fate>('once', 'once', 'once', 'twice', 'lost');

/** One thing that happens to a stream. */
const someStep = fc.oneof(
  fc.integer({ min: 1, max: 200_000 }).map((bytes) => (pair: StreamedPair) => pair.bring(bytes)),
  fate.map((how) => (pair: StreamedPair) => pair.arrive(how)),
  fc.nat().map((which) => (pair: StreamedPair) => pair.arriveAgain(which)),
  fc.integer({ min: 1, max: windowBytes }).map((bytes) => (pair: StreamedPair) => pair.take(bytes)),
  fate.map((how) => (pair: StreamedPair) => pair.grant(how)),
  fc.boolean().map((room) => (pair: StreamedPair) => void (pair.hasRoom = room)),
  fc.constant((pair: StreamedPair) => void pair.send()),
  fc.constant((pair: StreamedPair) => pair.read()),
  fc.constant((pair: StreamedPair) => pair.askAgain()),
  fc.constant((pair: StreamedPair) => pair.sendAgain()),
  fc.constant((pair: StreamedPair) => pair.subscribeAgain()),
);

/** Lets a step happen, and checks what must always hold. */
function happen(pair: StreamedPair, step: (pair: StreamedPair) => void): void {
  step(pair);
  expect(pair.worker.offset).toBeLessThanOrEqual(pair.gateway.granted);
  expect(pair.held).toBeLessThanOrEqual(windowBytes);
}

/** Lets everything that is under way arrive, until the client's answer has ended. */
function finish(pair: StreamedPair): void {
  for (let round = 0; pair.client.outcome === undefined; round += 1) {
    if (round > 1000) expect.fail(`the stream is stuck: ${pair.worker.state}`);
    if (!pair.source.paused) pair.source.end();
    happen(pair, () => pair.send());
    pair.arrive('once');
    pair.askAgain();
    pair.sendAgain();
    happen(pair, () => pair.read());
    happen(pair, () => pair.take(windowBytes));
    pair.grant('once');
  }
}

describe('a stream between a worker and a gateway', () => {
  it('brings every byte once and in its order, whatever comes twice and whatever is lost', () => {
    fc.assert(
      fc.property(fc.nat({ max: 100_000 }), fc.array(someStep, { maxLength: 150 }), (first, steps) => {
        const pair = new StreamedPair(first);
        for (const step of steps) happen(pair, step);
        finish(pair);
        expect(pair.client.outcome).toBe('clean');
        expect(pair.client.bytes.equals(answerBytes(0, pair.brought))).toBe(true);
        expect(pair.worker.state).toBe('ended');
      }),
      { numRuns: 120 },
    );
  });
});
