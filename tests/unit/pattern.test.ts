import { describe, expect, it } from 'vitest';
import { bulk, eventBytes, events, Pattern } from '../fixtures/pattern.ts';

describe('a pattern', () => {
  const pattern = new Pattern(Buffer.from('abcde'));

  it('gives the bytes from any position on', () => {
    expect(pattern.at(0, 3).toString()).toBe('abc');
    expect(pattern.at(13, 4).toString()).toBe('deab');
  });

  it('finds no fault in the right bytes, however they are cut', () => {
    const all = Buffer.from('abcde'.repeat(40));
    for (let from = 0; from < 12; from += 1) {
      for (let to = from; to < 60; to += 1) expect(pattern.firstWrong(from, all.subarray(from, to))).toBe(-1);
    }
  });

  it('finds the first wrong byte, in the first period and in a later one', () => {
    expect(pattern.firstWrong(3, Buffer.from('dxabc'))).toBe(4);
    expect(pattern.firstWrong(0, Buffer.from('abcdeabcdeabcdX'))).toBe(14);
  });

  it('finds bytes that are missing or there twice', () => {
    const bytes = Buffer.concat(
      Array.from({ length: 300 }, (_, at) => events.at(at * eventBytes, eventBytes)),
    );
    const missing = Buffer.concat([bytes.subarray(0, 20 * eventBytes), bytes.subarray(21 * eventBytes)]);
    const twice = Buffer.concat([bytes.subarray(0, 20 * eventBytes), bytes.subarray(19 * eventBytes)]);
    expect(events.firstWrong(0, bytes)).toBe(-1);
    expect(events.firstWrong(0, missing)).toBeGreaterThanOrEqual(20 * eventBytes);
    expect(events.firstWrong(0, twice)).toBeGreaterThanOrEqual(20 * eventBytes);
    expect(bulk.firstWrong(65_536, bulk.at(0, 65_536))).toBeLessThan(65_546);
  });

  it('consists of whole server-sent events of 100 bytes', () => {
    const event = events.at(42 * eventBytes, eventBytes).toString();
    expect(event).toMatch(/^data: 0042 q+\n\n$/);
  });
});
