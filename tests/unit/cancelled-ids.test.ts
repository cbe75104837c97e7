import { expect, describe, it } from 'vitest';
import { decodeCancellations, encodeCancellations } from '#shared/contract/cancellation.ts';
import { CancelledIds } from '../../worker/run/cancelled-ids.ts';

describe('CancelledIds', () => {
  it('remembers an id for five seconds', () => {
    const ids = new CancelledIds();
    expect(ids.empty).toBe(true);
    ids.add('a', 0);
    ids.add('b', 3000);
    expect([ids.has('a', 5000), ids.has('b', 5000), ids.has('c', 5000)]).toEqual([true, true, false]);
    expect([ids.has('a', 5001), ids.has('b', 5001)]).toEqual([false, true]);
  });

  it('remembers an id for longer if it is cancelled again', () => {
    const ids = new CancelledIds();
    ids.add('a', 0);
    ids.add('a', 4000);
    expect(ids.has('a', 8000)).toBe(true);
  });

  it('is empty again once the newest id has expired', () => {
    const ids = new CancelledIds();
    ids.add('a', 0);
    expect(ids.has('b', 6000)).toBe(false);
    expect(ids.empty).toBe(true);
  });

  it('keeps at most 10,000 ids and forgets the oldest first', () => {
    const ids = new CancelledIds();
    for (let at = 0; at < 10_001; at += 1) ids.add(String(at), 0);
    expect([ids.has('0', 0), ids.has('1', 0), ids.has('10000', 0)]).toEqual([false, true, true]);
  });

  it('fits in one message; a single id has the form that workers of earlier releases read', () => {
    expect(decodeCancellations(encodeCancellations(['a.S1', 'b.S2']))).toEqual(['a.S1', 'b.S2']);
    expect(encodeCancellations(['a.S1'])).toBe('a.S1');
  });
});
