import { describe, expect, it } from 'vitest';
import type { Redelivery } from '#shared/contract/redelivery.ts';
import { initial, transitions } from '../fixtures/delivery-model.ts';
import type { Model } from '../fixtures/delivery-model.ts';

interface Reached {
  readonly model: Model;
  readonly from: Reached | undefined;
  readonly by: string;
}

/** @returns every state that some order of steps and faults leads to. */
function explore(start: Model, redelivery: Redelivery, forgetful: boolean): Map<string, Reached> {
  const seen = new Map<string, Reached>();
  const open: Reached[] = [{ model: start, from: undefined, by: 'start' }];
  for (let at = 0; at < open.length; at += 1) {
    const reached = open[at]!; // at < length
    const key = JSON.stringify(reached.model);
    if (seen.has(key)) continue;
    seen.set(key, reached);
    for (const { name, next } of transitions(reached.model, redelivery, forgetful)) {
      if (!seen.has(JSON.stringify(next))) open.push({ model: next, from: reached, by: name });
    }
  }
  return seen;
}

/** @returns the steps that led to a state, for the message of a failure. */
function pathOf(reached: Reached | undefined): string {
  const steps: string[] = [];
  for (let each = reached; each !== undefined; each = each.from) steps.unshift(each.by);
  return steps.join(' > ');
}

/** @returns the states from which a state where `holds` is true can be reached without another fault. */
function canReach(
  all: ReadonlyMap<string, Reached>,
  redelivery: Redelivery,
  holds: (model: Model) => boolean,
): Set<string> {
  const before = new Map<string, string[]>();
  for (const [key, { model }] of all) {
    for (const { fault, next } of transitions(model, redelivery, false)) {
      if (fault) continue;
      const to = JSON.stringify(next);
      before.set(to, [...(before.get(to) ?? []), key]);
    }
  }
  const good = new Set([...all].filter(([, { model }]) => holds(model)).map(([key]) => key));
  const open = [...good];
  for (let at = 0; at < open.length; at += 1) {
    for (const key of before.get(open[at] ?? '') ?? []) {
      if (good.has(key)) continue;
      good.add(key);
      open.push(key);
    }
  }
  return good;
}

describe.each([
  { title: 'two workers and four faults', workers: 2, faults: 4, forgetful: false },
  { title: 'one worker that survives and a Redis that loses data', workers: 1, faults: 3, forgetful: true },
])('every interleaving of $title', ({ workers, faults, forgetful }) => {
  const start = initial(workers, faults);
  const relevant = (name: string): boolean => !forgetful || !name.includes('kill');

  it.each(['never', 'safe'] as const)('keeps the promises to a request with redelivery %s', (redelivery) => {
    const all = explore(start, redelivery, forgetful);
    console.log(`${all.size} states`);
    expect(all.size).toBeGreaterThan(100);
    // Only repeatable jobs are delivered directly, also to a consumer that is dead.
    const unread = [...all.values()].map(({ model }) => model).filter((model) => model.unread);
    expect(unread.length > 0).toBe(redelivery === 'safe');
    expect(unread.some(({ consumer }) => consumer === 'dead')).toBe(redelivery === 'safe');
    const answered = canReach(all, redelivery, ({ client }) => client !== 'waits');
    for (const [key, reached] of all) {
      const { model } = reached;
      const path = pathOf(reached);
      if (!path.split(' > ').every(relevant)) continue;
      if (redelivery === 'never') expect(model.executions, path).toBeLessThanOrEqual(1);
      else expect(model.client, path).not.toBe('unknown');
      if (model.client === 'answer') expect(model.executions, path).toBeGreaterThanOrEqual(1);
      expect(answered.has(key), `no answer is possible after ${path}`).toBe(true);
    }
  });
});
