import { describe, expect, it } from 'vitest';
import { contentRange, parseRange, unsatisfiedRange } from '../../gateway/routes/reply-range.ts';

describe('the range of an answer', () => {
  it('begins at an offset, and is live if its end is very large', () => {
    expect(parseRange('bytes=0-')).toEqual({ from: 0, live: false });
    expect(parseRange('Bytes=120-')).toEqual({ from: 120, live: false });
    expect(parseRange('bytes=120-9007199254740991')).toEqual({ from: 120, live: true });
  });

  it.each([
    undefined,
    '',
    'bytes',
    'bytes=-5',
    'bytes=0-5',
    'bytes=0-,7-',
    'bytes= 0-',
    'bytes=x-',
    'items=0-',
    'bytes=9999999999999999-',
    'bytes=0-9007199254740990',
  ])('is ignored if it is %j', (value) => {
    expect(parseRange(value)).toBeUndefined();
  });

  it('has what is there, while the answer runs and after it', () => {
    expect(contentRange({ from: 3, live: false }, 10, undefined)).toBe('bytes 3-9/*');
    expect(contentRange({ from: 3, live: false }, 10, 10)).toBe('bytes 3-9/10');
    expect(contentRange({ from: 3, live: true }, 10, 10)).toBe('bytes 3-9/10');
  });

  it('is live while the answer runs, also before the first of its bytes', () => {
    expect(contentRange({ from: 3, live: true }, 10, undefined)).toBe('bytes 3-9007199254740991/*');
    expect(contentRange({ from: 10, live: true }, 10, undefined)).toBe('bytes 10-9007199254740991/*');
  });

  it('is not satisfiable past the end', () => {
    expect(contentRange({ from: 10, live: false }, 10, 10)).toBeUndefined();
    expect(contentRange({ from: 10, live: true }, 10, 10)).toBeUndefined();
    expect(contentRange({ from: 10, live: false }, 10, undefined)).toBeUndefined();
    expect(contentRange({ from: 0, live: false }, 0, 0)).toBeUndefined();
    expect([unsatisfiedRange(10), unsatisfiedRange(undefined)]).toEqual(['bytes */10', undefined]);
  });
});
