import { describe, expect, it } from 'vitest';
import { encodeSignals } from '#shared/contract/stream-signal.ts';
import { StreamSignals } from '../../worker/stream/stream-signals.ts';
import type { SignalledStream } from '../../worker/stream/stream-signals.ts';

const fence = 7;
/** The frames that were to be sent again. */
const askedFor: [id: string, offset: number | undefined][] = [];

class NotedStream implements SignalledStream {
  readonly id: string;
  readonly gateway: string;
  isBlocked = false;
  isOpening = false;
  readonly notes: string[] = [];

  constructor(id: string, gateway = 'g1') {
    this.id = id;
    this.gateway = gateway;
  }

  grant = (offset: number): void => void this.notes.push(`grant ${offset}`);
  askForCredit = (): void => void this.notes.push('ask');
  cancel = (why: string): void => void this.notes.push(`cancel: ${why}`);
}

/** Signals that are subscribed at 0, and streams that were added then. */
function signalsFor(...streams: NotedStream[]): StreamSignals {
  const signals = new StreamSignals(fence, (missing) => void askedFor.push(...missing));
  signals.subscribed(0);
  for (const stream of streams) signals.add(stream, 0);
  return signals;
}

const present = (gateway: string): string => encodeSignals([{ kind: 'present', gateway }]);

/** Checks each second, as the worker does. */
function checkUntil(signals: StreamSignals, from: number, to: number): void {
  for (let now = from; now <= to; now += 1000) signals.check(now);
}

describe('a message', () => {
  it('brings grants and cancels to their streams, and what is of another fence to none', () => {
    const [a, b] = [new NotedStream('a'), new NotedStream('b')];
    const message = encodeSignals([
      { kind: 'grant', fence, offset: 100, id: 'a' },
      { kind: 'grant', fence: fence - 1, offset: 200, id: 'a' },
      { kind: 'cancel', fence: fence + 1, id: 'a' },
      { kind: 'cancel', fence, id: 'b' },
      { kind: 'grant', fence, offset: 300, id: 'unknown' },
    ]);
    signalsFor(a, b).receive(`${message}\nz of a later release`, 1);
    expect([a.notes, b.notes]).toEqual([['grant 100'], ['cancel: client']]);
  });

  it('names what is to be sent again, also of streams that are over', () => {
    askedFor.length = 0;
    const message = encodeSignals([
      { kind: 'missing', offset: 5, id: 'a' },
      { kind: 'present', gateway: 'g1' },
      { kind: 'missing', offset: undefined, id: 'over' },
    ]);
    signalsFor(new NotedStream('a')).receive(message, 1);
    expect(askedFor).toEqual([
      ['a', 5],
      ['over', undefined],
    ]);
  });

  it('reaches no stream that is over, nor one that only had the same id', () => {
    const [old, current] = [new NotedStream('a'), new NotedStream('a')];
    const signals = signalsFor(old, current);
    signals.remove(old);
    signals.receive(encodeSignals([{ kind: 'grant', fence, offset: 1, id: 'a' }]), 1);
    signals.remove(current);
    signals.remove(current);
    signals.receive(encodeSignals([{ kind: 'cancel', fence, id: 'a' }]), 1);
    expect([old.notes, current.notes, signals.size]).toEqual([[], ['grant 1'], 0]);
  });

  it('may remove streams while it is read', () => {
    const [a, b] = [new NotedStream('a'), new NotedStream('b')];
    const signals = signalsFor(a, b);
    a.cancel = () => {
      signals.remove(a);
      signals.remove(b);
    };
    const cancels = ['a', 'b'].map((id) => ({ kind: 'cancel', fence, id }) as const);
    signals.receive(encodeSignals(cancels), 1);
    expect([b.notes, signals.size]).toEqual([[], 0]);
  });
});

describe('a gateway', () => {
  it('that says nothing for 15 s is gone: its streams are cancelled, and no other ones', () => {
    const [a, b] = [new NotedStream('a', 'g1'), new NotedStream('b', 'g2')];
    const signals = signalsFor(a, b);
    checkUntil(signals, 1000, 14_000);
    signals.receive(present('g2'), 14_500);
    expect(a.notes).toEqual([]);
    signals.check(15_000);
    expect([a.notes, b.notes]).toEqual([['cancel: gateway'], []]);
  });

  it.each([
    ['that it is here', present('g1')],
    ['a grant', encodeSignals([{ kind: 'grant', fence, offset: 1, id: 'a' }])],
  ])('is here if it says %s', (_, message) => {
    const stream = new NotedStream('a');
    const signals = signalsFor(stream);
    for (let now = 1000; now <= 60_000; now += 1000) {
      if (now % 14_000 === 0) signals.receive(message, now);
      signals.check(now);
    }
    expect(stream.notes.filter((note) => note.startsWith('cancel'))).toEqual([]);
  });

  it('has 15 s from its first stream on', () => {
    const signals = new StreamSignals(fence, (missing) => void askedFor.push(...missing));
    signals.subscribed(0);
    checkUntil(signals, 1000, 60_000);
    const stream = new NotedStream('a');
    signals.add(stream, 60_000);
    checkUntil(signals, 61_000, 74_000);
    expect(stream.notes).toEqual([]);
    signals.check(75_000);
    expect(stream.notes).toEqual(['cancel: gateway']);
  });

  it('is not gone while no message could have arrived, and has 15 s after that', () => {
    const stream = new NotedStream('a');
    const signals = signalsFor(stream);
    signals.unsubscribed();
    checkUntil(signals, 1000, 60_000);
    expect(stream.notes).toEqual([]);
    signals.subscribed(60_500);
    checkUntil(signals, 61_000, 75_000);
    expect(stream.notes).toEqual(['ask']);
    signals.check(76_000);
    expect(stream.notes).toEqual(['ask', 'cancel: gateway']);
  });

  it('is not gone because the worker was frozen and has read nothing', () => {
    const stream = new NotedStream('a');
    const signals = signalsFor(stream);
    checkUntil(signals, 1000, 3000);
    signals.check(40_000);
    expect(stream.notes).toEqual([]);
    signals.receive(present('g1'), 40_001);
    checkUntil(signals, 41_000, 55_000);
    expect(stream.notes).toEqual([]);
  });
});

describe('credit', () => {
  it('is asked for by all streams after each subscription', () => {
    const [a, b] = [new NotedStream('a'), new NotedStream('b', 'g2')];
    const signals = signalsFor(a, b);
    signals.unsubscribed();
    signals.subscribed(100);
    expect([a.notes, b.notes]).toEqual([['ask'], ['ask']]);
  });

  it('is asked for each second by those that wait for it', () => {
    const [a, b] = [new NotedStream('a'), new NotedStream('b')];
    const signals = signalsFor(a, b);
    a.isBlocked = true;
    checkUntil(signals, 1000, 3000);
    a.isBlocked = false;
    signals.check(4000);
    expect([a.notes, b.notes]).toEqual([['ask', 'ask', 'ask'], []]);
  });
});

describe('a gateway that was silent', () => {
  it('has time from its latest request, and from the head of its latest stream', () => {
    const [a, b] = [new NotedStream('a'), new NotedStream('b')];
    const signals = signalsFor(a);
    checkUntil(signals, 1000, 14_000);
    signals.add(b, 14_500);
    signals.check(15_000);
    expect([a.notes, b.notes]).toEqual([[], []]);
    b.isOpening = true;
    checkUntil(signals, 16_000, 40_000);
    expect([a.notes.at(0), b.notes]).toEqual(['cancel: gateway', []]);
    b.isOpening = false;
    signals.opened(b, 40_500);
    checkUntil(signals, 41_000, 55_000);
    expect(b.notes).toEqual([]);
    signals.check(56_000);
    expect(b.notes).toEqual(['cancel: gateway']);
  });
});
