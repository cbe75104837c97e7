import type { Kill } from './recovery.ts';
import { deviationOf, fitOf, median, spreadOf } from './spread.ts';
import type { ThroughputRun } from './throughput.ts';

/**
 * @param texts the columns of text besides the first one; the others contain numbers.
 * @returns a table in Markdown.
 */
export function table(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  texts: readonly string[] = [],
): string {
  const rule = columns.map((column, at) => (at === 0 || texts.includes(column) ? '---' : '--:'));
  return [columns, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** @returns a whole number with separators: `10,000`. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}

/** @returns a share in percent: `84.4 %`. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** @returns milliseconds, or `never`. */
export function milliseconds(value: number): string {
  if (!Number.isFinite(value)) return 'never';
  return value < 10 ? value.toFixed(1) : whole(value);
}

/** @returns failures by code: `3 over_capacity, 1 reply_timeout`, or `0`. */
export function failures(...all: readonly ReadonlyMap<string, number>[]): string {
  const sums = new Map<string, number>();
  for (const [code, count] of all.flatMap((each) => [...each])) sums.set(code, (sums.get(code) ?? 0) + count);
  return [...sums].map(([code, count]) => `${count} ${code}`).join(', ') || '0';
}

/** A table with the measured and the expected requests of each replica of a run. */
export function replicaTable({ replicas, requests, counts, shares }: ThroughputRun): string {
  return table(
    ['replica', 'requests', 'expected', 'standard deviation', 'apart, in deviations', 'expected share'],
    replicas.map((replica, at) => {
      const share = shares[at] ?? 0;
      const count = counts[at] ?? 0;
      const deviation = deviationOf(requests, share);
      const apart = deviation === 0 ? 0 : (count - share * requests) / deviation;
      return [
        replica,
        whole(count),
        (share * requests).toFixed(1),
        deviation.toFixed(1),
        `${apart < 0 ? '−' : '+'}${Math.abs(apart).toFixed(2)}`,
        percent(share),
      ];
    }),
  );
}

/** The columns of {@link spreadCells}. */
export const spreadColumns = [
  'requests of S1, S2 …',
  'expected',
  'average',
  'most / average',
  'least / average',
  'variation',
  'χ² (limit)',
];

/** The cells for the spread of a run and its agreement with the expectation. */
export function spreadCells({ counts, shares, requests, exact }: ThroughputRun): string[] {
  const spread = spreadOf(counts);
  const { chiSquare, limit } = fitOf(counts, shares);
  return [
    counts.map(whole).join(' / '),
    shares.map((share) => whole(share * requests)).join(' / '),
    whole(spread.mean),
    spread.mostToMean.toFixed(2),
    spread.leastToMean.toFixed(2),
    spread.variation.toFixed(2),
    // With a bound, requests depend on earlier ones, so the chi-square test does not apply.
    exact ? `${chiSquare.toFixed(1)} (${limit.toFixed(1)})` : 'no test',
  ];
}

/** The columns of {@link speedCells}. */
export const speedColumns = ['requests/s', 'p50 ms', 'p99 ms', 'errors', 'recovery ms'];

/** The cells for the speed and the failures of a run, and the median recovery of a killed worker's keys. */
export function speedCells(
  { perSecond, p50Ms, p99Ms, failures: failed }: ThroughputRun,
  kills: readonly Kill[],
): string[] {
  return [
    whole(perSecond),
    milliseconds(p50Ms),
    milliseconds(p99Ms),
    failures(failed),
    milliseconds(median(kills.map(({ keysMs }) => keysMs))),
  ];
}

/** The columns of {@link killCells}. */
export const killColumns = [
  'all workers ready, ms',
  'all N answer, ms',
  'its keys answered, ms',
  'slowest answer, ms',
  'requests around it',
  'errors',
];

/** The cells for one kill. */
export function killCells(kill: Kill): string[] {
  return [
    milliseconds(kill.workersMs),
    milliseconds(kill.allServeMs),
    milliseconds(kill.keysMs),
    milliseconds(kill.slowestMs),
    whole(kill.requests),
    failures(kill.failures),
  ];
}

/** The cells for the medians of several kills. Requests and errors are sums. */
export function medianCells(kills: readonly Kill[]): string[] {
  const middle = (of: (kill: Kill) => number): string => milliseconds(median(kills.map(of)));
  return [
    middle(({ workersMs }) => workersMs),
    middle(({ allServeMs }) => allServeMs),
    middle(({ keysMs }) => keysMs),
    middle(({ slowestMs }) => slowestMs),
    whole(kills.reduce((sum, { requests }) => sum + requests, 0)),
    failures(...kills.map((kill) => kill.failures)),
  ];
}
