import { summarise } from '../numbers.ts';
import type { Summary } from '../numbers.ts';
import type { LoadName } from './plan.ts';
import type { LoadResults } from './results.ts';
import type { SystemName } from './systems.ts';

/** The p99 of loose affinity, divided by that of another system in the same round. */
export interface Target {
  readonly load: LoadName;
  readonly against: SystemName;
  readonly atMost: number;
}

export const targets: readonly Target[] = [
  { load: 'zipf', against: 'strict', atMost: 0.1 },
  { load: 'hot', against: 'haproxy', atMost: 1 },
  { load: 'hot', against: 'haproxy-maxconn', atMost: 1 },
];

export interface Reached {
  readonly target: Target;
  readonly serviceMs: number;
  readonly ratio: Summary;
  readonly met: boolean;
}

/** @returns what was measured for each target; a sample of a slow client does not count. */
export function reached({ samples, plan }: Pick<LoadResults, 'samples' | 'plan'>): Reached[] {
  const p99 = (system: SystemName, load: LoadName, serviceMs: number): Map<number, number> =>
    new Map(
      samples
        .filter((each) => each.system === system && each.load === load && each.serviceMs === serviceMs)
        .filter(({ faults }) => faults.length === 0)
        .map(({ round, values }) => [round, values.p99]),
    );
  return targets.flatMap((target) =>
    plan.serviceMs.flatMap((serviceMs) => {
      const theirs = p99(target.against, target.load, serviceMs);
      const ratio = summarise(
        [...p99('loose', target.load, serviceMs)].flatMap(([round, own]) => {
          const other = theirs.get(round);
          return other === undefined ? [] : [own / other];
        }),
      );
      return ratio === undefined ? [] : [{ target, serviceMs, ratio, met: ratio.median <= target.atMost }];
    }),
  );
}
