import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ReplyBudget } from '../../worker/handlers/reply-budget.ts';

const MiB = 1024 * 1024;
const limitBytes = 32 * MiB;

/** An answer that is read in steps, as the budget allows. */
class Reader {
  readonly id: string;
  readonly #budget: ReplyBudget;
  held = 0;
  waiting = false;

  constructor(budget: ReplyBudget, id: string) {
    this.#budget = budget;
    this.id = id;
  }

  ask(bytes: number): void {
    const onHeld = (): void => {
      this.waiting = false;
      this.held = bytes;
    };
    if (this.#budget.hold(this.id, bytes, onHeld)) this.held = Math.max(this.held, bytes);
    else this.waiting = true;
  }
}

describe('the budget of answers', () => {
  it('is twice the limit, and at least 64 MiB', () => {
    expect(new ReplyBudget(1024).totalBytes).toBe(64 * MiB);
    expect(new ReplyBudget(64 * MiB).totalBytes).toBe(128 * MiB);
  });

  it('makes an answer wait for bytes that others hold, and calls it when they are released', () => {
    const budget = new ReplyBudget(limitBytes);
    const [oldest, second, third] = ['a', 'b', 'c'].map((id) => new Reader(budget, id));
    oldest?.ask(MiB);
    second?.ask(20 * MiB);
    third?.ask(20 * MiB);
    expect([second?.waiting, third?.waiting, budget.heldBytes]).toEqual([false, true, 21 * MiB]);
    budget.release('b');
    expect([third?.waiting, budget.heldBytes]).toEqual([false, 21 * MiB]);
  });

  it('always has enough bytes for the whole oldest answer, and then for the next one', () => {
    const budget = new ReplyBudget(limitBytes);
    const readers = ['a', 'b', 'c'].map((id) => new Reader(budget, id));
    for (const reader of readers) reader.ask(16 * MiB);
    for (const reader of readers) {
      reader.ask(limitBytes);
      expect(reader.waiting).toBe(false);
      budget.release(reader.id);
    }
    expect(budget.heldBytes).toBe(0);
  });

  it('counts an answer that is already complete, and makes the others wait', () => {
    const budget = new ReplyBudget(limitBytes);
    for (const id of ['a', 'b', 'c']) budget.count(id, limitBytes);
    const reader = new Reader(budget, 'd');
    reader.ask(1);
    expect([reader.waiting, budget.heldBytes]).toEqual([true, 3 * limitBytes]);
    budget.release('c');
    expect(reader.waiting).toBe(true);
    budget.release('b');
    expect(reader.waiting).toBe(false);
  });

  it('does not call a released answer, and allows it to be released twice', () => {
    const budget = new ReplyBudget(limitBytes);
    const readers = ['a', 'b', 'c'].map((id) => new Reader(budget, id));
    for (const reader of readers) reader.ask(limitBytes);
    const released = readers[2];
    expect(released?.waiting).toBe(true);
    for (const id of ['c', 'c', 'unknown', 'a', 'b']) budget.release(id);
    expect([released?.waiting, budget.heldBytes]).toEqual([true, 0]);
  });

  const ids = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g');
  const step = fc.oneof(
    fc.record({ id: ids, ask: fc.integer({ min: 1, max: 32 }) }),
    fc.record({ id: ids, end: fc.constant(true) }),
  );

  it('keeps its limit, makes no answer wait that fits, and never makes the oldest answer wait', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const budget = new ReplyBudget(limitBytes);
        const readers = new Map<string, Reader>();
        const check = (): void => {
          const all = [...readers.values()];
          const held = all.reduce((sum, each) => sum + each.held, 0);
          expect(budget.heldBytes).toBe(held);
          expect(held).toBeLessThanOrEqual(budget.totalBytes);
          expect(all[0]?.waiting ?? false).toBe(false);
        };
        for (const each of steps) {
          let reader = readers.get(each.id);
          if ('end' in each) {
            budget.release(each.id);
            readers.delete(each.id);
          } else if (reader?.waiting !== true) {
            if (reader === undefined) readers.set(each.id, (reader = new Reader(budget, each.id)));
            reader.ask(Math.max(reader.held, each.ask * MiB));
          }
          check();
        }
        // The oldest answer can always be finished, so no order of events blocks any of them.
        for (const [id, reader] of readers) {
          expect(reader.waiting).toBe(false);
          reader.ask(limitBytes);
          expect(reader.waiting).toBe(false);
          check();
          budget.release(id);
          readers.delete(id);
        }
        expect(budget.heldBytes).toBe(0);
      }),
    );
  });
});
