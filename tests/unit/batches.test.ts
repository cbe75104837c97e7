import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Batches, singlesBeforeImmediateSend } from '#shared/store/redis/batches.ts';

function make(maxItems = 100): { readonly sent: string[]; add(group: string, item: string): Promise<void> } {
  const sent: string[] = [];
  const batches = new Batches<string>(maxItems, (group, items) => {
    sent.push(`${group}: ${items.join(' ')}`);
    return items.includes('bad') ? Promise.reject(new Error('refused')) : Promise.resolve();
  });
  return { sent, add: (group, item) => batches.add(group, item) };
}

describe('Batches', () => {
  it('sends a single item when its turn of the event loop has ended', async () => {
    const { sent, add } = make();
    void add('a', 'one');
    expect(sent).toEqual([]);
    await turn();
    expect(sent).toEqual(['a: one']);
  });

  it('sends at once after many single-item batches in a row, until a batch has several items', async () => {
    const { sent, add } = make();
    for (let at = 0; at < singlesBeforeImmediateSend; at += 1) {
      const one = add('a', 'one');
      expect(sent).toHaveLength(at);
      await one;
    }
    const next = add('b', 'two');
    expect(sent.at(-1)).toBe('b: two');
    await next;
    const third = ['three', 'four', 'five'].map((item) => add('a', item));
    expect(sent.at(-1)).toBe('a: three');
    await Promise.all(third);
    expect(sent.at(-1)).toBe('a: four five');
    void add('b', 'six');
    expect(sent.at(-1)).toBe('a: four five');
  });

  it('sends the items of successive turns together, in one call per group', async () => {
    const { sent, add } = make();
    void add('a', 'one');
    void add('b', 'two');
    await turn();
    void add('a', 'three');
    await turn();
    expect(sent).toEqual([]);
    await turn();
    expect(sent).toEqual(['a: one three', 'b: two']);
  });

  it('sends even if new items never stop arriving', async () => {
    const { sent, add } = make();
    for (let at = 0; at < 20; at += 1) {
      void add('a', 'one');
      void add('a', 'two');
      await turn();
    }
    expect(sent.length).toBeGreaterThanOrEqual(2);
  });

  it('waits until the previous call of a group has ended, then sends its items in one call', async () => {
    const sent: string[] = [];
    const answers: (() => void)[] = [];
    const batches = new Batches<string>(100, (group, items) => {
      sent.push(`${group}: ${items.join(' ')}`);
      return new Promise((resolve) => answers.push(resolve));
    });
    void batches.add('a', 'one');
    await turn();
    for (const [group, item] of [
      ['a', 'two'],
      ['b', 'three'],
      ['a', 'four'],
    ] as const) {
      void batches.add(group, item);
      for (let at = 0; at < 10; at += 1) await turn();
    }
    expect(sent).toEqual(['a: one', 'b: three']);
    answers[0]!();
    for (let at = 0; at < 3; at += 1) await turn();
    expect(sent).toEqual(['a: one', 'b: three', 'a: two four']);
  });

  it('goes on with a group after one of its calls has failed', async () => {
    const { sent, add } = make();
    await expect(add('a', 'bad')).rejects.toThrow('refused');
    await add('a', 'good');
    expect(sent).toEqual(['a: bad', 'a: good']);
  });

  it('sends at most the given number of items in one call', async () => {
    const { sent, add } = make(2);
    await Promise.all(['one', 'two', 'three'].map((item) => add('a', item)));
    expect(sent).toEqual(['a: one two', 'a: three']);
  });

  it('rejects the items of a failed call and no others', async () => {
    const { add } = make();
    const outcomes = await Promise.allSettled([add('a', 'good'), add('b', 'bad'), add('b', 'other')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  });
});
