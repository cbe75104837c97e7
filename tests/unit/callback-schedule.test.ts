import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstSentBefore, nextAttempt } from '../../gateway/callbacks/callback-schedule.ts';

const day = 86_400_000;
const began = Date.UTC(2026, 10, 25, 12);
/** A receiver may take so long to fail, in ms. */
const timeoutMs = 15_000;

/**
 * @returns the times at which a callback is sent whose receiver never takes it, in ms after the first one.
 */
function times(askedMs: (attempt: number) => number, random: () => number, takesMs = timeoutMs): number[] {
  const sent: number[] = [];
  for (let at: number | undefined = began; at !== undefined;) {
    sent.push(at - began);
    const failed = { attempts: sent.length, firstSent: began, askedMs: askedMs(sent.length) };
    at = nextAttempt(failed, at + takesMs, random());
  }
  return sent;
}

describe('a callback that is never taken', () => {
  it.each([0, 0.999])('is sent ten times in three days, with the jitter of %d', (random) => {
    const sent = times(
      () => 0,
      () => random,
    );
    expect(sent).toHaveLength(10);
    expect(sent.at(-1)).toBeLessThan(3 * day);
    expect(sent.at(-1)).toBeGreaterThan(2 * day);
  });

  it('is sent at the end of the third day for the last time, if its receiver asks for a day each time', () => {
    const sent = times(
      () => day,
      () => 0,
    );
    expect(sent).toEqual([0, day + timeoutMs, 2 * day + 2 * timeoutMs, 3 * day]);
  });

  it('is sent ten times at most, and not after three days, whatever its receiver asks for', () => {
    const asked = fc.array(fc.integer({ min: 0, max: day }), { minLength: 10, maxLength: 10 });
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(asked, random, fc.integer({ min: 0, max: timeoutMs }), (waits, jitter, takesMs) => {
        const sent = times(
          (attempt) => waits[attempt - 1] ?? 0,
          () => jitter,
          takesMs,
        );
        expect(sent.length).toBeGreaterThan(1);
        expect(sent.length).toBeLessThanOrEqual(10);
        expect(sent.at(-1)).toBeLessThanOrEqual(3 * day);
      }),
    );
  });
});

it('a callback of the release before was first sent when its attempts say', () => {
  expect(firstSentBefore(0, began)).toBe(began);
  expect(firstSentBefore(1, began)).toBe(began - 5000);
  expect(firstSentBefore(3, began)).toBe(began - 2_105_000);
  expect(nextAttempt({ attempts: 9, firstSent: firstSentBefore(8, began), askedMs: 0 }, began, 0)).toBe(
    began + 72_000_000,
  );
});
