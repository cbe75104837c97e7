import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstSentBefore, nextAttempt } from '../../gateway/callbacks/callback-schedule.ts';

const day = 86_400_000;
const firstSent = Date.UTC(2026, 10, 25, 12);
/** The time that a receiver takes to fail, at most, in ms. */
const timeoutMs = 15_000;

/** @returns when a callback is sent whose receiver never accepts it, in ms after the first attempt. */
function times(askedMs: (attempt: number) => number, random: () => number, takesMs = timeoutMs): number[] {
  const sent: number[] = [];
  for (let at: number | undefined = firstSent; at !== undefined;) {
    sent.push(at - firstSent);
    const failed = { attempts: sent.length, firstSent, askedMs: askedMs(sent.length) };
    at = nextAttempt(failed, at + takesMs, random());
  }
  return sent;
}

describe('a callback that its receiver never accepts', () => {
  it.each([0, 0.999])('is sent ten times within three days, with a jitter of %d', (random) => {
    const sent = times(
      () => 0,
      () => random,
    );
    expect(sent).toHaveLength(10);
    expect(sent.at(-1)).toBeLessThan(3 * day);
    expect(sent.at(-1)).toBeGreaterThan(2 * day);
  });

  it('is sent for the last time after three days if its receiver asks for a day each time', () => {
    const sent = times(
      () => day,
      () => 0,
    );
    expect(sent).toEqual([0, day + timeoutMs, 2 * day + 2 * timeoutMs, 3 * day]);
  });

  it('is sent at most ten times, and not after three days, whatever its receiver asks for', () => {
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

it('a callback of the previous release gets its first time from its number of attempts', () => {
  expect(firstSentBefore(0, firstSent)).toBe(firstSent);
  expect(firstSentBefore(1, firstSent)).toBe(firstSent - 5000);
  expect(firstSentBefore(3, firstSent)).toBe(firstSent - 2_105_000);
  const failed = { attempts: 9, firstSent: firstSentBefore(8, firstSent), askedMs: 0 };
  expect(nextAttempt(failed, firstSent, 0)).toBe(firstSent + 72_000_000);
});
