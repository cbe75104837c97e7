import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { windowBytes } from '#shared/contract/frame.ts';
import { creditAfter, creditOf } from '../../gateway/streams/stream-credit.ts';
import { IncomingStream } from '../../gateway/streams/incoming-stream.ts';
import { StreamReader } from '../fixtures/stream-reader.ts';

const id = 'r';
const terms = { fence: 5, credit: 65_536 };

/** @returns a stream whose head has brought the first bytes, and the client that reads it. */
function begun(first = ''): { stream: IncomingStream; client: StreamReader } {
  const client = new StreamReader();
  return { stream: new IncomingStream(terms, Buffer.from(first), client), client };
}

function chunk(offset: number, text: string, fence = 5): Parameters<IncomingStream['chunk']>[0] {
  return { kind: 'chunk', id, fence, offset, bytes: Buffer.from(text) };
}

describe('a stream that arrives', () => {
  it('is passed on in its order, and ends cleanly if all of it has arrived', () => {
    const { stream, client } = begun('ab');
    expect(stream.chunk(chunk(2, 'cd'))).toBe('taken');
    expect(stream.chunk(chunk(4, 'e'))).toBe('taken');
    expect(stream.end({ kind: 'end', id, fence: 5, length: 5 })).toBe('clean');
    expect([String(client.bytes), client.outcome, stream.state]).toEqual(['abcde', 'clean', 'ended']);
  });

  it('may be empty', () => {
    const { stream, client } = begun();
    expect(stream.end({ kind: 'end', id, fence: 5, length: 0 })).toBe('clean');
    expect([String(client.bytes), client.outcome]).toEqual(['', 'clean']);
  });

  it('drops what comes again, and passes on what is new in it', () => {
    const { stream, client } = begun('ab');
    expect(stream.chunk(chunk(0, 'ab'))).toBe('dropped');
    expect(stream.chunk(chunk(1, 'b'))).toBe('dropped');
    expect(stream.chunk(chunk(1, 'bcd'))).toBe('taken');
    expect(String(client.bytes)).toBe('abcd');
  });

  it('passes on nothing after a gap until the missing bytes have come', () => {
    const { stream, client } = begun('ab');
    expect(stream.chunk(chunk(3, 'd'))).toBe('gap');
    expect(stream.end({ kind: 'end', id, fence: 5, length: 4 })).toBe('gap');
    expect([String(client.bytes), client.outcome, stream.state]).toEqual(['ab', undefined, 'flowing']);
    expect(stream.chunk(chunk(2, 'c'))).toBe('taken');
    expect(stream.end({ kind: 'end', id, fence: 5, length: 4 })).toBe('gap');
    expect(stream.chunk(chunk(3, 'd'))).toBe('taken');
    expect(stream.end({ kind: 'end', id, fence: 5, length: 4 })).toBe('clean');
    expect([String(client.bytes), client.outcome]).toEqual(['abcd', 'clean']);
  });

  it('breaks if a gap stays, and passes on nothing after it', () => {
    const { stream, client } = begun('ab');
    expect(stream.chunk(chunk(3, 'd'))).toBe('gap');
    stream.lose('gap');
    expect(stream.chunk(chunk(2, 'c'))).toBe('dropped');
    expect(stream.end({ kind: 'end', id, fence: 5, length: 2 })).toBe('dropped');
    expect([String(client.bytes), client.outcome, stream.state]).toEqual(['ab', 'broken', 'broken']);
  });

  it.each([3, 5])('does not end after %i bytes if 4 have arrived', (length) => {
    const { stream, client } = begun('abcd');
    expect(stream.end({ kind: 'end', id, fence: 5, length })).toBe('gap');
    expect(client.outcome).toBeUndefined();
  });

  it('tells a worker that waits for credit what is granted, unless bytes are missing', () => {
    const { stream, client } = begun('ab');
    expect(stream.blocked({ kind: 'blocked', id, fence: 5, offset: 2 })).toBe('waiting');
    expect(stream.blocked({ kind: 'blocked', id, fence: 5, offset: 1 })).toBe('waiting');
    expect(stream.blocked({ kind: 'blocked', id, fence: 6, offset: 3 })).toBe('dropped');
    expect(stream.blocked({ kind: 'blocked', id, fence: 5, offset: 3 })).toBe('gap');
    expect([client.outcome, stream.state]).toEqual([undefined, 'flowing']);
  });

  it('drops the chunks and ends of other fences', () => {
    const { stream, client } = begun('ab');
    for (const fence of [4, 6]) {
      expect(stream.chunk(chunk(2, 'x', fence))).toBe('dropped');
      expect(stream.end({ kind: 'end', id, fence, length: 2 })).toBe('dropped');
    }
    expect([String(client.bytes), stream.state]).toEqual(['ab', 'flowing']);
  });

  it('breaks at an abort of its own fence or a higher one', () => {
    for (const [fence, result] of [
      [4, 'dropped'],
      [5, 'broken'],
      [6, 'broken'],
    ] as const) {
      const { stream, client } = begun('ab');
      expect(stream.abort({ kind: 'abort', id, fence, code: 'worker_died' })).toBe(result);
      expect(client.outcome).toBe(result === 'broken' ? 'broken' : undefined);
    }
  });

  it('breaks if it is lost, and passes on nothing once its client has left', () => {
    const lost = begun('ab');
    lost.stream.lose('lost');
    expect(lost.client.outcome).toBe('broken');
    const left = begun('ab');
    left.stream.leave();
    left.stream.lose('lost');
    expect(left.stream.chunk(chunk(2, 'c'))).toBe('dropped');
    expect(left.stream.taken(2, true)).toBeUndefined();
    expect([String(left.client.bytes), left.client.outcome]).toEqual(['ab', undefined]);
  });
});

describe('the credit of a stream', () => {
  it('is enough for a short stream without a grant', () => {
    expect(creditAfter(creditOf(65_536), 32_767, true)).toBeUndefined();
    expect(creditAfter(creditOf(65_536), 32_768, true)).toEqual({
      granted: 32_768 + windowBytes,
      window: windowBytes,
    });
  });

  it('is granted anew when half of it is used', () => {
    const { stream } = begun();
    expect(stream.taken(40_000, true)).toBe(40_000 + windowBytes);
    expect(stream.granted).toBe(40_000 + windowBytes);
    expect(stream.taken(40_000 + windowBytes / 2 - 1, true)).toBeUndefined();
    expect(stream.taken(40_000 + windowBytes / 2, true)).toBe(40_000 + 1.5 * windowBytes);
  });

  it('is narrow while the gateway holds as many bytes as it may', () => {
    expect(creditAfter(creditOf(65_536), 65_536, false)).toEqual({ granted: 131_072, window: 65_536 });
    // Less than a narrow window is used: nothing is granted, and nothing is taken back.
    const wide = { granted: 2 * windowBytes, window: windowBytes };
    expect(creditAfter(wide, 1.6 * windowBytes, false)).toBeUndefined();
  });

  it('never leaves a client waiting that has taken all of it, and never exceeds the window', () => {
    const step = fc.tuple(fc.nat({ max: 2 * windowBytes }), fc.boolean());
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let credit = creditOf(65_536);
        let taken = 0;
        for (const [bytes, hasRoom] of steps) {
          taken = Math.min(credit.granted, taken + bytes);
          const next = creditAfter(credit, taken, hasRoom);
          if (next !== undefined) expect(next.granted).toBeGreaterThan(credit.granted);
          credit = next ?? credit;
          expect(credit.granted - taken).toBeLessThanOrEqual(windowBytes);
          if (taken === credit.granted) expect.fail('all of the credit is taken, and nothing was granted');
        }
      }),
    );
  });
});
