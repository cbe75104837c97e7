import type { Results } from './results.ts';

/**
 * Joins the results of several runs. The rounds of each run follow those of the run before it: no ratio is
 * computed from two runs. The later run describes the machine.
 */
export function mergeResults(first: Results, ...more: readonly Results[]): Results {
  let merged = first;
  for (const next of more) merged = join(merged, next);
  return merged;
}

function join(a: Results, b: Results): Results {
  const shift = Math.max(0, ...a.samples.map(({ round }) => round));
  // A run of curves alone has no samples, and the other run describes the comparison.
  const facts = b.samples.length > 0 ? b : a;
  const growth = b.growth ?? a.growth;
  const known = new Set(a.systems.map(({ name }) => name));
  return {
    ...facts,
    quick: a.quick || b.quick,
    systems: [...a.systems, ...b.systems.filter(({ name }) => !known.has(name))],
    samples: [...a.samples, ...b.samples.map((sample) => ({ ...sample, round: sample.round + shift }))],
    missing: [
      ...a.missing,
      ...b.missing.map(({ round, ...rest }) => ({
        ...rest,
        ...(round !== undefined && { round: round + shift }),
      })),
    ],
    runs: [...runsOf(a), ...runsOf(b)],
    ...(growth && { growth }),
  };
}

/** @returns when and how the samples of the comparison were measured. */
export const runsOf = ({ runs, samples, date, plan }: Results): NonNullable<Results['runs']> =>
  runs ?? (samples.length > 0 ? [{ date, plan }] : []);
