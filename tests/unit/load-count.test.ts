import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxWordAgeMs } from '../../gateway/load/load-count.ts';
import { QueueCount } from '../../gateway/dispatch/queue-count.ts';

const now = 1000;
const tell = (count: QueueCount, load: number, unacknowledged = 0): void =>
  count.tell({ load, prioritized: undefined, concurrency: undefined }, now, unacknowledged);

describe('the load of a replica', () => {
  it('is what Redis told, with what was sent since, without what has ended since', () => {
    const count = new QueueCount();
    tell(count, 7);
    count.send();
    expect(count.load(now)).toBe(8);
    const added = count.arrive();
    expect(count.load(now)).toBe(8);
    count.end(added);
    expect(count.load(now)).toBe(7);
  });

  it('counts the jobs of a call once: they have not arrived when its answer tells the load', () => {
    const count = new QueueCount();
    for (let at = 0; at < 3; at += 1) count.send();
    tell(count, 13, 3);
    expect(count.load(now)).toBe(13);
    for (let at = 0; at < 3; at += 1) count.arrive();
    expect(count.load(now)).toBe(13);
  });

  it('is taken from the last word if a request ends that was added before it', () => {
    const count = new QueueCount();
    count.send();
    const added = count.arrive();
    tell(count, 4);
    count.end(added);
    expect(count.load(now)).toBe(3);
    // A poll of the waiting requests says nothing about those that run.
    count.update({ ready: 0, delayed: 0 });
    expect(count.load(now)).toBe(3);
  });

  it('includes the requests with a priority that were read last', () => {
    const count = new QueueCount();
    count.tell({ load: 2, prioritized: 3, concurrency: undefined }, now);
    expect(count.load(now)).toBe(5);
    tell(count, 4);
    expect(count.load(now)).toBe(7);
    count.tell({ load: 4, prioritized: 0, concurrency: undefined }, now);
    expect(count.load(now)).toBe(4);
  });

  it('forgets the requests with a priority after some seconds, also while other words come', () => {
    const count = new QueueCount();
    count.tell({ load: 2, prioritized: 500, concurrency: undefined }, now);
    const later = now + maxWordAgeMs + 1;
    count.tell({ load: 2, prioritized: undefined, concurrency: undefined }, later);
    expect(count.load(later)).toBe(2);
  });

  it('is forgotten after some seconds, except for what was sent since', () => {
    const count = new QueueCount();
    tell(count, 50);
    count.send();
    expect([count.load(now + maxWordAgeMs), count.isLoadKnown(now + maxWordAgeMs)]).toEqual([51, true]);
    expect([count.load(now + maxWordAgeMs + 1), count.isLoadKnown(now + maxWordAgeMs + 1)]).toEqual([
      1,
      false,
    ]);
  });

  it('is never negative, whatever happens in which order', () => {
    const steps = fc.array(fc.constantFrom('send', 'arrive', 'end', 'tell', 'poll'), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (taken) => {
        const count = new QueueCount();
        const [arrived, sent]: [number[], number[]] = [[], []];
        for (const [at, step] of taken.entries()) {
          if (step === 'send') sent.push(count.send() ?? 0);
          else if (step === 'arrive' && sent.pop() !== undefined) arrived.push(count.arrive());
          else if (step === 'end' && arrived.length > 0) count.end(arrived.shift() ?? 0);
          else if (step === 'tell') tell(count, at % 3, sent.length);
          else if (step === 'poll') count.update({ ready: at % 3, delayed: 0 });
          expect(count.load(now)).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });
});
