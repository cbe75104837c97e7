import { loads } from './loads.ts';
import { Random } from './random.ts';
import { scalers } from './scalers.ts';
import type { Range } from './scalers.ts';
import { simulate } from './simulation.ts';
import type { Outcome } from './simulation.ts';

/** What one rule did with one load: the mean of some seeds. */
export interface Row {
  readonly load: string;
  readonly rule: string;
  /** How long requests waited, in seconds. */
  readonly p50: number;
  readonly p99: number;
  readonly replicaHours: number;
  readonly changes: number;
  /** How often each key moved. */
  readonly moved: number;
  readonly most: number;
}

export const range: Range = { min: 2, max: 20 };
/** How many replicas there are at the beginning of each run. */
export const initial = 4;

/** @returns what each rule does with each load. */
export function compare(seeds: readonly number[]): Row[] {
  const names = loads(new Random(0)).map(({ name }) => name);
  return names.flatMap((load, index) =>
    scalers.map((make) => {
      const outcomes = seeds.map((seed) => {
        const [at] = loads(new Random(seed)).slice(index);
        if (at === undefined) throw new Error('there is no such load');
        return simulate(at, make(range), range, new Random(seed), initial);
      });
      return { load, rule: make(range).name, ...meanOf(outcomes) };
    }),
  );
}

function meanOf(outcomes: readonly Outcome[]): Omit<Row, 'load' | 'rule'> {
  const mean = (of: (outcome: Outcome) => number): number =>
    outcomes.reduce((all, each) => all + of(each), 0) / outcomes.length;
  return {
    p50: mean(({ waits }) => percentile(waits, 0.5)),
    p99: mean(({ waits }) => percentile(waits, 0.99)),
    replicaHours: mean(({ replicaSeconds }) => replicaSeconds / 3600),
    changes: mean(({ changes }) => changes.length),
    moved: mean(({ moved }) => moved),
    most: mean(({ most }) => most),
  };
}

/** @param sorted the shortest first. */
function percentile(sorted: Float64Array, part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}
