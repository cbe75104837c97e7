import { describe, expect, it } from 'vitest';
import { median, short, summarise } from '../bench/numbers.ts';

describe('median', () => {
  it('is the middle value, in whatever order they come', () => expect(median([9, 1, 5])).toBe(5));
  it('is the mean of the two middle values of an even number', () => expect(median([4, 1, 2, 100])).toBe(3));
  it('is NaN if there are no values', () => expect(median([])).toBeNaN());
});

describe('summarise', () => {
  it('gives the median, the least and the greatest value', () =>
    expect(summarise([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3 }));
  it('gives undefined if there are no values', () => expect(summarise([])).toBeUndefined());
});

it('shows three significant digits, and large numbers whole', () =>
  expect([0.012345, 1.2345, 12.345, 12345.6, Number.NaN].map(short)).toEqual([
    '0.0123',
    '1.23',
    '12.3',
    '12346',
    '',
  ]));
