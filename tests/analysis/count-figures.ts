import { colours } from '../bench/charts/charts.ts';
import type { ChartSpec } from '../bench/charts/charts.ts';
import { facetOf } from './facets.ts';
import { atFirstSize } from './results.ts';
import type { StrategyResult } from './results.ts';
import { deviationOf } from './spread.ts';
import type { ThroughputRun } from './throughput.ts';

const measured = 'measured';

const expected = 'expected';

const kinds = { domain: [measured, expected], range: [colours.blue, colours.grey] };

/** Two rows per replica: the measured count, and the expected one plus and minus two deviations. */
function countRows({ replicas, requests, counts, shares, exact }: ThroughputRun, of: object = {}): object[] {
  return replicas.flatMap((replica, at) => {
    const share = shares[at] ?? 0;
    const mean = share * requests;
    const twice = 2 * deviationOf(requests, share);
    const span = exact ? { low: Math.max(0, mean - twice), high: mean + twice } : {};
    return [
      { ...of, replica, kind: measured, requests: counts[at], top: counts[at] },
      { ...of, replica, kind: expected, requests: mean, top: exact ? mean + twice : mean, ...span },
    ];
  });
}

/**
 * Two bars side by side per replica: measured and expected.
 * @param labelled the kinds of bars with a number above them.
 */
function countLayers(labelled: readonly string[], labelSize: number): object[] {
  const x = { field: 'replica', type: 'nominal', title: null, axis: { ticks: false, labelPadding: 8 } };
  const xOffset = { field: 'kind', sort: [measured, expected] };
  const y = {
    field: 'requests',
    type: 'quantitative',
    title: 'requests',
    axis: { format: ',d', tickCount: 6 },
    scale: { nice: 6 },
  };
  return [
    {
      mark: { type: 'bar', cornerRadiusEnd: 2 },
      encoding: { x, xOffset, y, color: { field: 'kind', title: null, scale: kinds } },
    },
    {
      transform: [{ filter: 'isValid(datum.low)' }],
      mark: { type: 'rule', strokeWidth: 1.5, color: colours.ink },
      encoding: { x, xOffset, y: { ...y, field: 'low' }, y2: { field: 'high' } },
    },
    {
      transform: [{ filter: { field: 'kind', oneOf: labelled } }],
      mark: { type: 'text', dy: -8, fontSize: labelSize, color: colours.ink },
      encoding: {
        x,
        xOffset,
        y: { ...y, field: 'top' },
        text: { field: 'requests', format: ',.0f' },
      },
    },
  ];
}

/** the measured and the expected requests of each replica. */
export function firstFigure(run: ThroughputRun): ChartSpec {
  return {
    title: {
      text: `A-1: who answered ${run.requests.toLocaleString('en')} requests, N = ${run.replicas.length}`,
      subtitle: [
        'Assignment ring, linear probing. Expected: exact, from the ring; the line on each',
        'grey bar is two standard deviations of chance to both sides.',
      ],
    },
    width: 560,
    height: 320,
    data: { values: countRows(run) },
    layer: countLayers([measured, expected], 12.5),
  };
}

/** again: the requests of each replica for each strategy. */
export function sharesFigure(results: readonly StrategyResult[]): ChartSpec {
  const values = results.flatMap((result) =>
    countRows(atFirstSize(result).run, { strategy: result.strategy.title }),
  );
  return {
    title: {
      text: 'A-4: A-1 with other hashes, N = 3',
      subtitle:
        'Bounded: done by the client of the analysis, no feature of ringpost; its expectation is simulated.',
    },
    data: { values },
    facet: facetOf(results),
    columns: 3,
    resolve: { axis: { x: 'independent' } },
    spec: { width: 235, height: 230, layer: countLayers([measured], 10.5) },
  };
}
