import { describe, expect, it } from 'vitest';
import { initial, range } from '../simulate/comparison.ts';
import { hotKey, loads, steady, step } from '../simulate/loads.ts';
import type { Load } from '../simulate/loads.ts';
import { Random } from '../simulate/random.ts';
import { tableOf, withTable } from '../simulate/report.ts';
import { ringpost } from '../simulate/scalers.ts';
import { simulate } from '../simulate/simulation.ts';
import type { Outcome } from '../simulate/simulation.ts';

const seeds = [1, 2];
const run = (load: Load, seed: number, from = initial): Outcome =>
  simulate(load, ringpost(range), range, new Random(seed), from);

describe.each(seeds)('the rule, with seed %i', (seed) => {
  it('never leaves the range, and removes one at a time, so that the rest stay within 0.85 of their target', () => {
    for (const load of loads(new Random(seed))) {
      const { least, most, changes } = run(load, seed);
      expect([least >= range.min, most <= range.max], load.name).toEqual([true, true]);
      for (const { from, to, load: had } of changes.filter((each) => each.to < each.from)) {
        expect(to, load.name).toBe(from - 1);
        // It has measured the mean of the same minute. What waits at a hot replica does not count.
        if (load.name === hotKey.name) continue;
        expect(had / to, load.name).toBeLessThanOrEqual(0.7 * 0.85 + 1e-9);
      }
    }
  });

  it('does not oscillate at a load that does not change', () => {
    for (const rate of [20, 52, 70, 87, 105, 140, 200]) {
      const { changes } = run({ ...steady(rate), seconds: 1200 }, seed);
      const late = changes.filter(({ at }) => at > 540);
      expect(late.length, `${rate} per second`).toBeLessThanOrEqual(1);
      const directions = changes.map(({ from, to }) => Math.sign(to - from));
      const turns = directions.filter((each, at) => each === 1 && directions[at - 1] === -1);
      expect(turns, `${rate} per second`).toEqual([]);
    }
  });

  it('has enough replicas within 10 s of a step', () => {
    const { changes } = run(step, seed);
    const enough = changes.find(({ at, to }) => at >= 600 && to >= Math.ceil(200 / 25 / 0.7));
    expect(enough?.at).toBeLessThanOrEqual(610);
    const down = changes.filter(({ at, from, to }) => at >= 600 && at < 1200 && to < from);
    expect(down.every(({ to }) => to >= Math.ceil(200 / 25))).toBe(true);
  });

  it('adds no replica for a hot key', () => {
    const least = Math.ceil(60 / 25 / 0.7);
    const { changes } = run(hotKey, seed, least + 1);
    expect(changes.filter(({ at, from, to }) => at >= 600 && at < 1200 && to > from)).toEqual([]);
  });
});

it('a run follows from its seed', () => {
  const short = { ...steady(80), seconds: 200 };
  expect(run(short, 3)).toEqual(run(short, 3));
  expect(run(short, 3).waits).not.toEqual(run(short, 4).waits);
});

it('the table is written between its markers', () => {
  const row = { load: 'a', rule: 'b', p50: 0.001, p99: 12.3, replicaHours: 1, changes: 2, moved: 3, most: 4 };
  const table = tableOf([row, { ...row, rule: 'c' }]);
  expect(table.split('\n').slice(2)).toEqual([
    '| a | b | 0.00 s | 12 s | 1.0 | 2 | 3.0 | 4 |',
    '|  | c | 0.00 s | 12 s | 1.0 | 2 | 3.0 | 4 |',
  ]);
  const document =
    'before\n<!-- simulation: made by `npm run simulate` -->\nold\n<!-- /simulation -->\nafter\n';
  expect(withTable(document, table)).toBe(
    `before\n<!-- simulation: made by \`npm run simulate\` -->\n\n${table}\n\n<!-- /simulation -->\nafter\n`,
  );
  expect(() => withTable('nothing', table)).toThrow('no place for the table');
});
