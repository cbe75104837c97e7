import { colours } from '../bench/charts/charts.ts';
import type { ChartSpec } from '../bench/charts/charts.ts';
import type { StrategyResult } from './results.ts';
import type { ThroughputRun } from './throughput.ts';

/** one value of each run by N, with a line per strategy. */
function byStrategy(
  results: readonly StrategyResult[],
  valueOf: (run: ThroughputRun) => number,
  y: { readonly title: string; readonly format: string; readonly from: number },
): ChartSpec {
  const order = results.map(({ strategy }) => strategy.title);
  const scale = {
    domain: order,
    range: [colours.blue, colours.sky, colours.orange, colours.green, colours.vermilion],
  };
  const shapes = { domain: order, range: ['circle', 'square', 'triangle-up', 'diamond', 'cross'] };
  const values = results.flatMap(({ strategy, sizes }) =>
    sizes.map(({ run }) => ({ strategy: strategy.title, n: run.replicas.length, number: valueOf(run) })),
  );
  return {
    data: { values },
    width: 330,
    height: 260,
    mark: { type: 'line', strokeWidth: 2.25, point: { filled: true, size: 70, opacity: 1 } },
    encoding: {
      x: { field: 'n', type: 'ordinal', title: 'N, replicas' },
      y: {
        field: 'number',
        type: 'quantitative',
        title: y.title,
        scale: { domainMin: y.from, nice: 6 },
        axis: { format: y.format, tickCount: 6 },
      },
      color: { field: 'strategy', title: null, scale, legend: { columns: 3 } },
      shape: { field: 'strategy', title: null, scale: shapes },
    },
  };
}

/** the load of the most loaded replica, divided by the average. */
export function spreadFigure(
  results: readonly StrategyResult[],
  ratio: (run: ThroughputRun) => number,
): ChartSpec {
  return {
    title: {
      text: 'A-4: the most loaded replica, in averages',
      subtitle: [
        '1 is perfectly even; N would be one replica with everything. Linear and quadratic probing',
        'lie upon each other.',
      ],
    },
    ...byStrategy(results, ratio, { title: 'most / average', format: '.1f', from: 1 }),
    width: 560,
    height: 300,
  };
}

/** throughput and the 99th percentile of latency. */
export function speedFigure(results: readonly StrategyResult[]): ChartSpec {
  return {
    title: {
      text: 'A-4: throughput and latency',
      subtitle: 'One machine for everything: client, gateway, Redis and workers share its processors.',
    },
    hconcat: [
      byStrategy(results, ({ perSecond }) => perSecond, {
        title: 'requests in a second',
        format: ',d',
        from: 0,
      }),
      byStrategy(results, ({ p99Ms }) => p99Ms, { title: 'p99, ms', format: ',d', from: 0 }),
    ],
  };
}
