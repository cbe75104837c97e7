import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  byLastStart,
  formatCrashes,
  isPoison,
  mustRunAlone,
  parseCrashes,
  withoutCrashesOf,
} from '#shared/contract/request-crashes.ts';
import type { Crash } from '#shared/contract/request-crashes.ts';

const anyCrash: fc.Arbitrary<Crash> = fc.record({
  death: fc.integer({ min: 1 }).map(String),
  startOrder: fc.nat(),
});
const crash = (death: number, startOrder = 1): Crash => ({ death: String(death), startOrder });

describe('the crashes that a job carries', () => {
  it('are parsed as they were formatted', () => {
    fc.assert(
      fc.property(fc.array(anyCrash), (crashes) => {
        expect(parseCrashes(formatCrashes(crashes))).toEqual(crashes);
      }),
    );
  });

  it('are written as the death and the order of starts, and a missing order counts as the first', () => {
    expect(formatCrashes([crash(7, 2), crash(8)])).toBe('7.2,8.1');
    expect(parseCrashes('7.2.9,8')).toEqual([crash(7, 2), crash(8, 0)]);
    expect(parseCrashes('.3')).toEqual([{ death: '', startOrder: 3 }]);
  });

  it('are none for a job without the field', () => {
    expect([parseCrashes(null), parseCrashes(undefined), parseCrashes('')]).toEqual([[], [], []]);
  });
});

describe('a suspect', () => {
  it('runs with other suspects after one crash, and alone after two', () => {
    expect(mustRunAlone([crash(1)])).toBe(false);
    expect(mustRunAlone([crash(1), crash(2)])).toBe(true);
  });

  it('is poison after a crash while it ran alone, or after the fifth crash', () => {
    expect(isPoison([crash(1), crash(2), crash(3)], true)).toBe(true);
    expect(
      isPoison(
        [1, 2, 3, 4].map((death) => crash(death)),
        false,
      ),
    ).toBe(false);
    expect(
      isPoison(
        [1, 2, 3, 4, 5].map((death) => crash(death)),
        false,
      ),
    ).toBe(true);
  });

  it('comes first among those that run alone if it started last', () => {
    const suspects = [[crash(1, 9), crash(2, 1)], [crash(1, 1), crash(2, 3)], [crash(2, 2)]];
    expect(suspects.toSorted(byLastStart).map((crashes) => crashes.at(-1)?.startOrder)).toEqual([3, 2, 1]);
    const first = [crash(1, 1)];
    expect([byLastStart([], first), byLastStart(first, []), byLastStart([], [])]).toEqual([1, -1, 0]);
  });

  it('keeps the crashes that a poison request did not cause, and at least one', () => {
    const poison = [crash(1), crash(2), crash(3)];
    expect(withoutCrashesOf([crash(1), crash(2)], poison)).toEqual([crash(2)]);
    expect(withoutCrashesOf([crash(7), crash(1), crash(8)], poison)).toEqual([crash(7), crash(8)]);
    expect(withoutCrashesOf([crash(7), crash(1)], poison)).toEqual([crash(7)]);
    expect(withoutCrashesOf([crash(1)], poison)).toEqual([crash(1)]);
    expect(withoutCrashesOf([], poison)).toEqual([]);
    fc.assert(
      fc.property(fc.array(anyCrash, { minLength: 1 }), fc.array(anyCrash), (crashes, other) => {
        const left = withoutCrashesOf(crashes, other);
        expect(left.length).toBeGreaterThan(0);
        expect(left.length).toBeLessThanOrEqual(crashes.length);
      }),
    );
  });
});
