import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SignalSender } from '../../gateway/streams/signal-sender.ts';

const [a, b] = [
  { id: 'a', fence: 7 },
  { id: 'b', fence: 8 },
];
let sent: string[];
let sender: SignalSender;

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'],
  });
  sent = [];
  sender = new SignalSender({
    gateway: 'G1',
    log: pino({ level: 'silent' }),
    announce: (replica, message) => {
      sent.push(`${replica}: ${message.replaceAll('\n', ', ')}`);
      return Promise.reject(new Error('Redis is away'));
    },
  });
});

afterEach(() => {
  sender.close();
  vi.useRealTimers();
});

describe('signals to workers', () => {
  it('of 5 ms travel in one message for each replica', () => {
    sender.grant('S1', a, 100);
    vi.advanceTimersByTime(4);
    sender.cancel('S1', b);
    sender.grant('S2', b, 200);
    expect(sent).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(sent).toEqual(['S1: g 7 100 a, x 8 b', 'S2: g 8 200 b']);
    sender.grant('S1', a, 300);
    vi.advanceTimersByTime(5);
    expect(sent.slice(2)).toEqual(['S1: g 7 300 a']);
  });

  it('say only the last of each stream, and nothing after a cancellation', () => {
    sender.grant('S1', a, 100);
    sender.grant('S1', a, 200);
    sender.cancel('S1', b);
    sender.grant('S1', b, 300);
    vi.advanceTimersByTime(5);
    expect(sent).toEqual(['S1: g 7 200 a, x 8 b']);
  });

  it('are in messages of at most 500', () => {
    for (let at = 0; at < 501; at += 1) sender.cancel('S1', { id: `r${at}`, fence: 1 });
    vi.advanceTimersByTime(5);
    expect(sent).toHaveLength(2);
    expect(sent[1]).toBe('S1: x 1 r500');
  });

  it('cancel an unknown stream once a second', () => {
    for (let ms = 0; ms < 2000; ms += 100) {
      sender.refuse('S1', a);
      if (ms === 500) sender.refuse('S1', b);
      vi.advanceTimersByTime(100);
    }
    expect(sent).toEqual(['S1: x 7 a', 'S1: x 8 b', 'S1: x 7 a']);
  });

  it('are sent at once when the sender is closed', () => {
    sender.grant('S1', a, 100);
    sender.close();
    expect(sent).toEqual(['S1: g 7 100 a']);
    vi.advanceTimersByTime(60_000);
    expect(sent).toHaveLength(1);
  });
});

describe('a gateway', () => {
  it('says every 5 s that it is here, to replicas whose streams it has', () => {
    for (const replica of ['S1', 'S1', 'S2']) sender.opened(replica);
    vi.advanceTimersByTime(5005);
    expect(sent).toEqual(['S1: n G1', 'S2: n G1']);
    sender.closed('S1');
    sender.closed('S2');
    vi.advanceTimersByTime(5000);
    expect(sent.slice(2)).toEqual(['S1: n G1']);
    sender.closed('S1');
    vi.advanceTimersByTime(60_000);
    expect(sent).toHaveLength(3);
  });
});
