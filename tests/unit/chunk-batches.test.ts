import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { decodeFrame, encodeBlocked, encodeEnd } from '#shared/contract/frame.ts';
import { FirstBytes } from '../../worker/stream/first-bytes.ts';
import { ChunkBatches } from '../../worker/stream/chunk-batches.ts';
import type { StreamFrame } from '../../worker/stream/gateway-pushes.ts';
import { OutgoingStream } from '../../worker/stream/outgoing-stream.ts';
import { ScriptedSource } from '../fixtures/scripted-source.ts';

const log = pino({ level: 'silent' });
const kib = 1024;

/** A push that is under way. */
interface Push {
  readonly gateway: string;
  /** Its frames as `<id>@<offset>+<length>`. */
  readonly frames: readonly string[];
  readonly settle: (error?: Error) => Promise<void>;
}

let pushes: Push[];
let batches: ChunkBatches;
/** The streams whose bytes are all in their inbox, with their lengths. */
let ended: string[];

function shown(frame: StreamFrame): string {
  const parts = typeof frame === 'string' || Buffer.isBuffer(frame) ? [frame] : frame;
  const read = decodeFrame(Buffer.concat(parts.map((part) => Buffer.from(part))));
  if (read.kind === 'chunk') return `${read.id}@${read.offset}+${read.bytes.length}`;
  return read.kind;
}

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance'],
  });
  pushes = [];
  ended = [];
  batches = new ChunkBatches({
    fence: 7,
    log,
    push: (gateway, frames) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const settle = async (error?: Error): Promise<void> => {
        if (error === undefined) resolve();
        else reject(error);
        await vi.advanceTimersByTimeAsync(0);
      };
      pushes.push({ gateway, frames: frames.map(shown), settle });
      return promise;
    },
  });
});

afterEach(() => {
  batches.stop();
  vi.useRealTimers();
});

/** Opens a stream to a gateway, and returns its source. */
function open(id: string, gateway = 'G1', credit = 1024 * kib): ScriptedSource {
  const source = new ScriptedSource();
  const started = { head: { status: 200, headers: [] }, first: new FirstBytes(), rest: source };
  const outgoing: OutgoingStream = new OutgoingStream(
    started,
    credit,
    {
      ready: () => batches.ready(gateway, { id, outgoing }),
      hasRoom: () => batches.hasRoom(gateway),
      blocked: () => batches.note(gateway, id, encodeBlocked(id, 7, outgoing.inInbox)),
      ending: (length) => ended.push(`${id} ${length}`),
      failed: () => undefined,
    },
    () => performance.now(),
  );
  outgoing.opened();
  return source;
}

/** Lets timers run for so many ms; 0 ends the turn of the event loop. */
const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

/** @returns the frames of each push so far. */
const framesOf = (): (readonly string[])[] => pushes.map(({ frames }) => frames);

describe('the chunks of streams', () => {
  it('of a lone stream are pushed at the end of their turn, as one chunk', async () => {
    const source = open('a');
    for (const text of ['x', 'yz']) source.bytes(text);
    expect(pushes).toEqual([]);
    await pass(0);
    expect(framesOf()).toEqual([['a@0+3']]);
  });

  it('of all streams to one gateway travel together, and those to another one beside them', async () => {
    const [a, b, c] = [open('a'), open('b'), open('c', 'G2')];
    for (const source of [a, b, c]) source.bytes('xy');
    await pass(0);
    expect(pushes.map(({ gateway, frames }) => [gateway, ...frames])).toEqual([
      ['G1', 'a@0+2', 'b@0+2'],
      ['G2', 'c@0+2'],
    ]);
  });

  it('wait until 5 ms have passed since the last push', async () => {
    const source = open('a');
    source.bytes('x');
    await pass(0);
    await pushes[0]?.settle();
    await pass(1);
    source.bytes('y');
    await pass(1);
    source.bytes('z');
    await pass(2);
    expect(pushes).toHaveLength(1);
    await pass(1);
    expect(framesOf()).toEqual([['a@0+1'], ['a@1+2']]);
  });

  it('do not wait if there are many bytes', async () => {
    const source = open('a');
    source.bytes('x');
    await pass(0);
    await pushes[0]?.settle();
    source.bytes(Buffer.alloc(64 * kib));
    await pass(0);
    expect(framesOf()).toEqual([['a@0+1'], [`a@1+${64 * kib}`]]);
  });

  it('wait until Redis has those before them', async () => {
    const source = open('a');
    source.bytes('x');
    await pass(0);
    source.bytes('y');
    await pass(50);
    expect(pushes).toHaveLength(1);
    await pushes[0]?.settle();
    expect(framesOf()).toEqual([['a@0+1'], ['a@1+1']]);
  });

  it('are sent again from an offset on, before what follows, also if the stream is over', async () => {
    const source = open('a');
    for (const text of ['x', 'yy', 'zzz']) {
      source.bytes(text);
      await pass(5);
      await pushes.at(-1)?.settle();
    }
    const end = { id: 'a', frame: encodeEnd('a', 7, 6), until: Number.POSITIVE_INFINITY, bytes: 0 };
    batches.sent('G1', { ...end, arrival: { offset: -1 } });
    open('b').bytes('new');
    batches.sendAgain(
      new Map([
        ['a', 1],
        ['unknown', undefined],
      ]),
    );
    await pass(5);
    expect(framesOf().at(-1)).toEqual(['a@1+2', 'a@3+3', 'end', 'b@0+3']);
    await pushes.at(-1)?.settle();
    await pass(50);
    expect(pushes).toHaveLength(4);
  });

  it('are sent again in pushes of 512 KiB', async () => {
    const source = open('a');
    for (let at = 0; at < 12; at += 1) {
      source.bytes(Buffer.alloc(64 * kib));
      await pass(5);
      await pushes.at(-1)?.settle();
    }
    const before = pushes.length;
    batches.sendAgain(new Map([['a', undefined]]));
    await pass(5);
    await pushes.at(-1)?.settle();
    await pass(5);
    expect(
      framesOf()
        .slice(before)
        .map((frames) => frames.length),
    ).toEqual([8, 4]);
  });

  it('have at most 64 KiB, and at most 512 KiB a push, of which each stream gets its share', async () => {
    const [a, b] = [open('a'), open('b')];
    a.bytes(Buffer.alloc(600 * kib));
    b.bytes(Buffer.alloc(100 * kib));
    await pass(0);
    const whole = (id: string, piece: number): string => `${id}@${piece * 64 * kib}+${64 * kib}`;
    expect(framesOf()).toEqual([
      [
        whole('a', 0),
        whole('b', 0),
        whole('a', 1),
        `b@${64 * kib}+${36 * kib}`,
        ...[2, 3, 4, 5].map((piece) => whole('a', piece)),
        `a@${6 * 64 * kib}+${28 * kib}`,
      ],
    ]);
    await pushes[0]?.settle();
    expect(pushes).toHaveLength(2);
  });

  it('are sent again if Redis refuses them, before those that follow', async () => {
    const source = open('a');
    source.bytes('xy');
    await pass(0);
    source.bytes('z');
    source.end();
    await pushes[0]?.settle(new Error('OOM'));
    await pass(99);
    expect(pushes).toHaveLength(1);
    await pass(1);
    await pushes[1]?.settle();
    await pass(5);
    expect(framesOf()).toEqual([['a@0+2'], ['a@0+2'], ['a@2+1']]);
    expect(ended).toEqual([]);
    await pushes[2]?.settle();
    expect(ended).toEqual(['a 3']);
  });

  it('are followed by the news that their stream waits for credit', async () => {
    const source = open('a', 'G1', 2);
    source.bytes('xyz');
    await pass(0);
    await pushes[0]?.settle();
    await pass(5);
    expect(framesOf()).toEqual([['a@0+2'], ['blocked']]);
  });

  it('are followed by one such news, however often a stream says it meanwhile', async () => {
    open('a').bytes('x');
    await pass(0);
    for (let time = 0; time < 100; time += 1) batches.note('G1', 'b', encodeBlocked('b', 7, 0));
    await pushes[0]?.settle();
    await pass(5);
    expect(framesOf()).toEqual([['a@0+1'], ['blocked']]);
  });

  it('are those of the latest stream of a request that runs again', async () => {
    open('b').bytes(Buffer.alloc(600 * kib));
    const [old, current] = [open('a'), open('a')];
    old.bytes('old');
    current.bytes('newer');
    await pass(0);
    await pushes[0]?.settle();
    await pass(5);
    expect(framesOf().flat()).toContain('a@0+5');
  });

  it('are not sent once they are stopped, nor is what was refused', async () => {
    const [a, b] = [open('a'), open('b', 'G2')];
    a.bytes('x');
    await pass(0);
    await pushes[0]?.settle(new Error('OOM'));
    b.bytes('x');
    batches.stop();
    a.bytes('y');
    open('c', 'G3').bytes('x');
    await pass(1000);
    expect(framesOf()).toEqual([['a@0+1']]);
  });
});
