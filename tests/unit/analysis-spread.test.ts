import { assert, integer, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deviationOf, fitOf, median, percentile, spreadOf } from '../analysis/spread.ts';

describe('the spread of requests', () => {
  it('is even if all replicas have the same count', () => {
    expect(spreadOf([5, 5, 5])).toEqual({
      mean: 5,
      most: 5,
      least: 5,
      mostToMean: 1,
      leastToMean: 1,
      variation: 0,
    });
  });

  it('is measured against the average', () => {
    const spread = spreadOf([8437, 469, 1094]);
    expect(spread.mostToMean).toBeCloseTo(2.531, 3);
    expect(spread.leastToMean).toBeCloseTo(0.1407, 4);
    // By hand: the root of the mean square of 5103.67, -2864.33 and -2239.33, divided by 3333.33.
    expect(spread.variation).toBeCloseTo(1.0854, 4);
  });

  it('is n, and its variation the root of n - 1, if one of n replicas has everything', () => {
    assert(
      property(integer({ min: 2, max: 50 }), integer({ min: 1, max: 100_000 }), (n, requests) => {
        const spread = spreadOf([requests, ...Array.from({ length: n - 1 }, () => 0)]);
        expect(spread.mostToMean).toBeCloseTo(n, 8);
        expect(spread.variation).toBeCloseTo(Math.sqrt(n - 1), 8);
      }),
    );
  });
});

describe('the fit of counts to shares', () => {
  it('is perfect if each count is the expected one', () => {
    expect(fitOf([50, 30, 20], [0.5, 0.3, 0.2])).toEqual({ chiSquare: 0, degrees: 2, limit: 9.21 });
  });

  it('is the sum of squared differences, each divided by the expected count', () => {
    // (60-50)²/50 + (40-50)²/50
    expect(fitOf([60, 40], [0.5, 0.5])).toEqual({ chiSquare: 4, degrees: 1, limit: 6.635 });
  });

  it('is infinitely bad if a request arrives where none is expected', () => {
    expect(fitOf([99, 1], [1, 0]).chiSquare).toBe(Number.POSITIVE_INFINITY);
    expect(fitOf([100, 0], [1, 0]).chiSquare).toBe(0);
  });
});

it('computes the standard deviation of a binomial count', () => {
  expect(deviationOf(10_000, 0.5)).toBe(50);
  expect(deviationOf(10_000, 0.8437)).toBeCloseTo(36.31, 2);
});

it('computes percentiles by nearest rank', () => {
  const values = Array.from({ length: 200 }, (_, at) => 200 - at);
  expect(percentile(values, 50)).toBe(100);
  expect(percentile(values, 99)).toBe(198);
  expect(percentile(values, 100)).toBe(200);
  expect(percentile([], 50)).toBeNaN();
});

it('computes the median of an odd and of an even number of values', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([9, 1, 5, 6])).toBe(5.5);
  expect(median([])).toBeNaN();
});
