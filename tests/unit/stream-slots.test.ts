import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { StreamSlots } from '../../worker/stream/stream-slots.ts';
import type { StreamSlot } from '../../worker/stream/stream-slots.ts';

const never = new AbortController().signal;

it('as many streams have a slot as there are, and the next one waits for the first that ends', async () => {
  const slots = new StreamSlots(2);
  const first = slots.tryAcquire();
  await slots.acquire(never);
  expect([slots.taken, slots.tryAcquire()]).toEqual([2, undefined]);
  const third = slots.acquire(never);
  expect(slots.waiting).toBe(1);
  first?.release();
  expect(await third).toBeDefined();
  expect([slots.taken, slots.waiting]).toEqual([2, 0]);
});

it('a slot that is released twice is free once', async () => {
  const slots = new StreamSlots(1);
  const first = slots.tryAcquire();
  const second = slots.acquire(never);
  first?.release();
  first?.release();
  expect([slots.taken, slots.tryAcquire()]).toEqual([1, undefined]);
  (await second)?.release();
  expect(slots.taken).toBe(0);
});

it('slots are passed on in the order of the calls', async () => {
  const slots = new StreamSlots(1);
  const first = slots.tryAcquire();
  const order: number[] = [];
  const waits = [1, 2, 3].map(async (number) => {
    const slot = await slots.acquire(never);
    order.push(number);
    slot?.release();
  });
  first?.release();
  await Promise.all(waits);
  expect(order).toEqual([1, 2, 3]);
});

it('who waits no longer gets no slot, and keeps none', async () => {
  const slots = new StreamSlots(1);
  const first = slots.tryAcquire();
  const controller = new AbortController();
  const [left, next] = [slots.acquire(controller.signal), slots.acquire(never)];
  controller.abort();
  expect(await left).toBeUndefined();
  expect(await slots.acquire(controller.signal)).toBeUndefined();
  first?.release();
  expect(await next).toBeDefined();
  expect([slots.taken, slots.waiting]).toEqual([1, 0]);
});

it('never are more taken than there are, and all are free in the end', async () => {
  const step = fc.oneof(
    fc.constant({ kind: 'acquire' } as const),
    fc.record({ kind: fc.constantFrom('release', 'abort'), which: fc.nat() }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(step, { maxLength: 60 }),
      async (count, steps) => {
        const slots = new StreamSlots(count);
        const held: StreamSlot[] = [];
        const waits: AbortController[] = [];
        for (const done of steps) {
          if (done.kind === 'acquire') {
            const controller = new AbortController();
            waits.push(controller);
            void slots.acquire(controller.signal).then((slot) => slot && held.push(slot));
          } else if (done.kind === 'release') {
            held[done.which % Math.max(1, held.length)]?.release();
          } else {
            waits[done.which % Math.max(1, waits.length)]?.abort();
          }
          await Promise.resolve();
          expect(slots.taken).toBeLessThanOrEqual(count);
          expect(slots.waiting === 0 || slots.taken === count).toBe(true);
        }
        for (const controller of waits) controller.abort();
        await Promise.resolve();
        for (const slot of held) slot.release();
        expect([slots.taken, slots.waiting]).toEqual([0, 0]);
      },
    ),
    { numRuns: 100 },
  );
});
