import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HotKeys, KeySketch } from '../../gateway/api/hot-keys.ts';
import { KeyCounter, mayBeCredentials } from '../../gateway/api/key-counter.ts';
import type { EndedRequest, EndedRequestListener } from '../../gateway/http/ended-request.ts';
import { parseHashKey } from '../../gateway/request/hash-key.ts';

describe('a sketch of keys', () => {
  it('never counts too few, nor promises too many, whatever the order', () => {
    expect.hasAssertions();
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 600 }), { minLength: 300, maxLength: 1500 }), (numbers) => {
        const sketch = new KeySketch();
        const counts = new Map<string, number>();
        for (const number of numbers) {
          // Small numbers are more frequent.
          const key = String(Math.floor((number * number) / 600));
          sketch.count(key, 'S1');
          counts.set(key, (counts.get(key) ?? 0) + 1);
        }
        expect([...sketch.keys()].length).toBeLessThan(256);
        expect(sketch.total).toBe(numbers.length);
        for (const key of sketch.keys()) {
          const { count = 0, atLeast = Infinity } = sketch.of(key) ?? {};
          expect(count).toBeGreaterThanOrEqual(counts.get(key) ?? 0);
          expect(atLeast).toBeLessThanOrEqual(counts.get(key) ?? 0);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('finds the hot keys among many that come once', () => {
    const keys = new HotKeys(0);
    for (let at = 0; at < 20_000; at += 1) {
      keys.count(`once-${at}`, 'S1', at);
      if (at % 10 === 0) keys.count('hot', 'S2', at);
      if (at % 20 === 0) keys.count('warm', 'S3', at);
    }
    const [first, second, ...others] = keys.top(20, 20_000);
    expect(first).toMatchObject({ key: 'hot', owner: 'S2' });
    expect(first?.count).toBeGreaterThanOrEqual(2000);
    expect(second).toMatchObject({ key: 'warm', owner: 'S3' });
    expect(others).toEqual([]);
  });
});

it('forgets what is older than some minutes', () => {
  const keys = new HotKeys(0);
  for (let at = 0; at < 10; at += 1) keys.count('old', 'S1', at);
  expect(keys.counted(100_000)).toEqual({ requests: 10, windowMs: 100_000 });
  expect(keys.top(5, 200_000)).toMatchObject([{ key: 'old', count: 10 }]);
  for (let at = 0; at < 4; at += 1) keys.count('new', 'S1', 200_000);
  expect(keys.counted(210_000)).toEqual({ requests: 14, windowMs: 210_000 });
  expect(keys.top(5, 360_000)).toMatchObject([{ key: 'new', count: 4 }]);
  expect(keys.top(5, 900_000)).toEqual([]);
});

describe('the counter of keys', () => {
  function counter(isSecret: boolean) {
    const listeners = new Set<EndedRequestListener>();
    const add = (listener: EndedRequestListener): (() => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    };
    const tell = (key: string | undefined): void => {
      // The counter reads these two fields only.
      for (const each of listeners) each.ended({ key, replica: 'S1' } as EndedRequest);
    };
    return { counter: new KeyCounter({ add }, isSecret), listeners, tell };
  }

  it('listens only after somebody has asked, and not after the stop', () => {
    const { counter: keys, listeners, tell } = counter(false);
    expect(listeners.size).toBe(0);
    expect(keys.view(false)).toMatchObject({ requests: 0, keys: [] });
    expect(listeners.size).toBe(1);
    for (const key of ['a', 'a', 'a', undefined]) tell(key);
    const digest = 'ca978112ca1bbdca';
    const hot = { digest, key: 'a', owner: 'S1', count: 3, share: 1 };
    expect(keys.view(false)).toMatchObject({ requests: 3, keys: [hot] });
    expect(keys.view(true).keys).toEqual([{ ...hot, key: null }]);
    expect(keys.of('a', false)).toEqual(hot);
    expect(keys.of('b', false)).toBeNull();
    keys.stop();
    expect(listeners.size).toBe(0);
  });

  it('shows no key that may be a credential', () => {
    const { counter: keys, tell } = counter(true);
    keys.view(false);
    for (const key of ['secret', 'secret']) tell(key);
    expect(JSON.stringify(keys.view(false))).not.toContain('"secret"');
    keys.stop();
  });
});

it.each([
  ['header:ringpost-key,random', false],
  ['path,ip', false],
  ['query:tenant', false],
  ['header:x-tenant', false],
  ['header:authorization', true],
  ['header:x-api-key,path', true],
  ['cookie:session', true],
  ['query:access_token', true],
])('tells whether keys of %s may be credentials', (sources, expected) => {
  expect(mayBeCredentials(parseHashKey(sources), undefined)).toBe(expected);
  expect(mayBeCredentials(parseHashKey('header:x-tenant'), 'x-tenant')).toBe(true);
});
