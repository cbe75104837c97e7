import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SentFrames } from '../../worker/stream/sent-frames.ts';

const mib = 1024 * 1024;
let sent: SentFrames;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  sent = new SentFrames(() => performance.now());
});

afterEach(() => {
  sent.clear();
  vi.useRealTimers();
});

function add(id: string, until: number, bytes = 1, arrival = { offset: -1 }): void {
  sent.add({ id, frame: `${id} ${until}`, until, bytes, arrival });
}

/** What is kept of an answer, behind an offset. */
function kept(id: string, offset?: number): readonly unknown[] {
  return sent.missing(new Map([[id, offset]])).map(({ frame }) => frame);
}

describe('the frames that were sent last', () => {
  it('are those behind an offset, or all with the head, in the order of their sending', () => {
    for (const until of [0, 10, 20, Number.POSITIVE_INFINITY]) for (const id of ['a', 'b']) add(id, until);
    expect(kept('a', 0)).toEqual(['a 10', 'a 20', 'a Infinity']);
    expect(kept('a', 15)).toEqual(['a 20', 'a Infinity']);
    expect(kept('a', 20)).toEqual(['a Infinity']);
    expect(kept('b')).toEqual(['b 0', 'b 10', 'b 20', 'b Infinity']);
    expect(kept('c')).toEqual([]);
    const both = new Map([
      ['a', 15],
      ['b', 20],
    ]);
    expect(sent.missing(both).map(({ frame }) => frame)).toEqual(['a 20', 'a Infinity', 'b Infinity']);
  });

  it('have 4 MiB together, and are 10,000 at most: the oldest are dropped', () => {
    for (let at = 1; at <= 200; at += 1) add('a', at, mib / 16);
    expect([sent.bytes, kept('a').length, kept('a')[0]]).toEqual([4 * mib, 64, 'a 137']);
    for (let at = 1; at <= 12_000; at += 1) add('b', at);
    expect([sent.bytes, kept('a'), kept('b').length, kept('b')[0]]).toEqual([10_000, [], 10_000, 'b 2001']);
  });

  it('leave out those at the beginning that have arrived', () => {
    const arrival = { offset: -1 };
    for (const until of [10, 20, 30]) add('a', until, 10, arrival);
    arrival.offset = 20;
    add('a', 40, 10, arrival);
    expect([kept('a'), sent.bytes]).toEqual([['a 30', 'a 40'], 20]);
  });

  it('are kept for 30 s', () => {
    add('a', 1);
    vi.advanceTimersByTime(20_000);
    add('a', 2);
    vi.advanceTimersByTime(15_000);
    expect([kept('a'), sent.bytes]).toEqual([['a 2'], 1]);
    vi.advanceTimersByTime(20_000);
    expect([kept('a'), sent.bytes, vi.getTimerCount()]).toEqual([[], 0, 0]);
    add('a', 3);
    expect(kept('a')).toEqual(['a 3']);
  });
});
