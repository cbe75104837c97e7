import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReceiverSlots } from '../../gateway/callbacks/receiver-slots.ts';

/** Takes all slots, one at a time for each receiver in turn. None is released. */
function fill(slots: ReceiverSlots, receivers: readonly string[]): Map<string, number> {
  const taken = new Map<string, number>();
  for (let more = true; more;) {
    more = false;
    for (const receiver of receivers) {
      if (slots.take(receiver) === 0) continue;
      taken.set(receiver, (taken.get(receiver) ?? 0) + 1);
      more = true;
    }
  }
  return taken;
}

const names = (count: number): string[] => Array.from({ length: count }, (_, at) => `r${at}`);

describe('the slots of receivers', () => {
  it.each([
    [1, 28],
    [16, 11],
    [64, 4],
  ])('of %i hanging receivers are %i each or one less, and another receiver still gets one', (count, max) => {
    const slots = new ReceiverSlots();
    const taken = [...fill(slots, names(count)).values()];
    expect(Math.max(...taken)).toBe(max);
    expect(Math.min(...taken)).toBeGreaterThanOrEqual(max - 1);
    expect(slots.take('another')).toBe(1);
  });

  it('are enough for 240 hanging receivers and another one', () => {
    const slots = new ReceiverSlots();
    const taken = fill(slots, names(240));
    expect(taken.size).toBe(240);
    expect(slots.take('another')).toBe(1);
  });

  it('are more for a large message, and all slots for one that is larger than all', () => {
    const slots = new ReceiverSlots(100);
    expect(slots.take('a', 40)).toBe(40);
    expect(slots.take('a', 1)).toBe(0);
    expect(slots.take('b', 61)).toBe(0);
    // The size of the next message is unknown, so it takes one slot first.
    expect(slots.take('b', 1)).toBe(1);
    expect(slots.take('b', 60, 1)).toBe(0);
    expect(slots.take('b', 59, 1)).toBe(59);
    expect(slots.take('c', 1)).toBe(0);
    slots.release('a', 40);
    slots.release('b', 59);
    slots.release('b', 1);
    expect(slots.take('c', 1)).toBe(1);
    expect(slots.take('c', 1000, 1)).toBe(99);
    slots.release('c', 99);
    slots.release('c', 1);
    expect([...slots.receivers]).toEqual([]);
    expect(slots.room('a')).toBe(new ReceiverSlots(100).room('a'));
  });

  it('are given as `room` says, never exceed the total, and leave no trace of a receiver without one', () => {
    const step = fc.record({
      receiver: fc.constantFrom('a', 'b', 'c', 'd'),
      slots: fc.integer({ min: 1, max: 40 }),
      release: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const slots = new ReceiverSlots(30);
        const held: { receiver: string; slots: number }[] = [];
        for (const { receiver, slots: asked, release } of steps) {
          const index = held.findIndex((each) => each.receiver === receiver);
          const own = held[index];
          if (release && own !== undefined) {
            slots.release(receiver, own.slots);
            held.splice(index, 1);
          } else {
            const room = slots.room(receiver);
            const taken = slots.take(receiver, asked);
            if (taken > 0) held.push({ receiver, slots: taken });
            if (own !== undefined || asked === 1) expect(taken > 0).toBe(Math.min(asked, 30) <= room);
          }
          const all = held.reduce((sum, each) => sum + each.slots, 0);
          expect(all).toBeLessThanOrEqual(30);
          expect(new Set(slots.receivers)).toEqual(new Set(held.map((each) => each.receiver)));
        }
      }),
    );
  });
});
