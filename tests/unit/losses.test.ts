import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  byLastBegun,
  formatLosses,
  isConvicted,
  mustRunAlone,
  parseLosses,
  withoutLossesOf,
} from '#shared/contract/losses.ts';
import type { Loss } from '#shared/contract/losses.ts';

const anyLoss: fc.Arbitrary<Loss> = fc.record({
  death: fc.integer({ min: 1 }).map(String),
  begun: fc.nat(),
});
const loss = (death: number, begun = 1): Loss => ({ death: String(death), begun });

describe('losses as a job carries them', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(fc.array(anyLoss), (losses) => {
        expect(parseLosses(formatLosses(losses))).toEqual(losses);
      }),
    );
  });

  it('are none for a job without the field', () => {
    expect([parseLosses(null), parseLosses(undefined), parseLosses('')]).toEqual([[], [], []]);
  });
});

describe('a suspect', () => {
  it('runs with others after one loss, and alone after two', () => {
    expect(mustRunAlone([loss(1)])).toBe(false);
    expect(mustRunAlone([loss(1), loss(2)])).toBe(true);
  });

  it('is convicted by a death while it ran alone, or by the fifth loss', () => {
    expect(isConvicted([loss(1), loss(2), loss(3)], true)).toBe(true);
    expect(
      isConvicted(
        [1, 2, 3, 4].map((death) => loss(death)),
        false,
      ),
    ).toBe(false);
    expect(
      isConvicted(
        [1, 2, 3, 4, 5].map((death) => loss(death)),
        false,
      ),
    ).toBe(true);
  });

  it('comes first among those that run alone if it was begun last', () => {
    const suspects = [[loss(1, 9), loss(2, 1)], [loss(1, 1), loss(2, 3)], [loss(2, 2)]];
    expect(suspects.toSorted(byLastBegun).map((losses) => losses.at(-1)?.begun)).toEqual([3, 2, 1]);
  });

  it('keeps the losses that a convict did not cause, and one at least', () => {
    const convict = [loss(1), loss(2), loss(3)];
    expect(withoutLossesOf([loss(1), loss(2)], convict)).toEqual([loss(2)]);
    expect(withoutLossesOf([loss(7), loss(1), loss(8)], convict)).toEqual([loss(7), loss(8)]);
    fc.assert(
      fc.property(fc.array(anyLoss, { minLength: 1 }), fc.array(anyLoss), (losses, other) => {
        const left = withoutLossesOf(losses, other);
        expect(left.length).toBeGreaterThan(0);
        expect(left.length).toBeLessThanOrEqual(losses.length);
      }),
    );
  });
});
