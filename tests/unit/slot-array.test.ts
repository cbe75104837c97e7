import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SlotArray, SlotMap } from '#shared/v8/slot-array.ts';

describe('a slot array', () => {
  it('keeps each value under its number until it is removed, and reuses free numbers', () => {
    const values = new SlotArray<{ name: string }>();
    const [one, two] = [{ name: 'one' }, { name: 'two' }];
    const first = values.add(one);
    const second = values.add(two);
    expect([values.get(first), values.get(second)]).toEqual([one, two]);
    values.remove(first);
    expect(values.get(first)).toBeUndefined();
    expect(values.add({ name: 'three' })).toBe(first);
    expect(values.values()).toEqual([{ name: 'three' }, two]);
  });
});

describe('a slot map', () => {
  it('behaves as a Map, whatever is added and removed', () => {
    // Some keys have the same hash, and there are more keys than buckets at first.
    const step = fc.record({
      key: fc.oneof(fc.constantFrom('Aa', 'BB', 'AaAa', 'AaBB', 'BBAa', 'BBBB'), fc.string({ maxLength: 2 })),
      add: fc.boolean(),
    });
    const sorted = (keys: Iterable<string>): string[] => [...keys].toSorted();
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const map = new SlotMap<{ at: number }>();
        const model = new Map<string, { at: number }>();
        for (const [at, { key, add }] of steps.entries()) {
          if (!add || model.has(key)) {
            expect(map.take(key)).toBe(model.get(key));
            model.delete(key);
          } else {
            const value = { at };
            map.add(key, value);
            model.set(key, value);
          }
          expect(map.has(key)).toBe(model.has(key));
          expect(map.get(key)).toBe(model.get(key));
          expect(map.size).toBe(model.size);
          expect(sorted(map.keys())).toEqual(sorted(model.keys()));
          expect(new Set(map.values())).toEqual(new Set(model.values()));
        }
      }),
    );
  });
});
