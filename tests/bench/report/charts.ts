import { colours } from '../charts/charts.ts';
import type { ChartSpec } from '../charts/charts.ts';
import type { Growth } from '../growth/growth.ts';
import type { Role } from '../measure/cpu.ts';
import { Measured } from '../measured.ts';
import { summarise } from '../numbers.ts';
import { ratiosOf } from '../ratios.ts';
import type { Results } from '../results.ts';
import type { Sample } from '../sample.ts';
import { typical } from './comparison.ts';
import type { Section } from './report.ts';

/** A chart and its section in the report. */
export interface PlacedChart {
  readonly section: Section;
  /** The alternative text. */
  readonly shows: string;
  readonly spec: ChartSpec;
}

const width = 560;
const kinds = {
  domain: ['ringpost', 'keeps requests', 'keeps nothing'],
  range: [colours.blue, colours.green, colours.grey],
};
const parts: readonly (readonly [role: Role, name: string])[] = [
  ['gateway', 'gateway or proxy'],
  ['proxy', 'gateway or proxy'],
  ['worker', 'workers'],
  ['store', 'Redis, NATS or RabbitMQ'],
];
const partColours = {
  domain: ['gateway or proxy', 'workers', 'Redis, NATS or RabbitMQ'],
  range: [colours.blue, colours.orange, colours.vermilion],
};

const place = (part: string): number => partColours.domain.indexOf(part);
/** All bars have their parts in the same order. */
const stacked = { field: 'place', type: 'quantitative' };

/** @returns the charts of a report, for what was measured. */
export function chartsOf(results: Results, ours: string): PlacedChart[] {
  const measured = new Measured(results.samples);
  const count = typical(measured);
  const kindOf = (name: string): string => {
    if (name.startsWith(ours)) return 'ringpost';
    return results.systems.find((each) => each.name === name)?.durable === true
      ? 'keeps requests'
      : 'keeps nothing';
  };
  return [
    ...(measured.systems.length === 0
      ? []
      : [
          ratesChart(measured, count, kindOf),
          latencyChart(measured, count, kindOf),
          costChart(measured, count),
        ]),
    ...(measured.systems.length > 1 && measured.systems.includes(ours)
      ? [ratioChart(results.samples, ours, kindOf)]
      : []),
    ...((results.growth?.points.length ?? 0) > 0 && results.growth ? [growthChart(results.growth)] : []),
  ];
}

function ratesChart(measured: Measured, count: number, kindOf: (name: string) => string): PlacedChart {
  const values = measured.systems.map((system) => ({
    system,
    kind: kindOf(system),
    ...measured.of(system, count, ({ rate }) => rate),
  }));
  const order = values.toSorted((a, b) => (b.median ?? 0) - (a.median ?? 0)).map(({ system }) => system);
  const y = { field: 'system', type: 'nominal', sort: order, title: null };
  return {
    section: 'rates',
    shows: `Bars: requests in a second of each system with ${count} connections`,
    spec: {
      title: {
        text: 'Requests in a second',
        subtitle: `${count} connections; least and most of the rounds as lines`,
      },
      width,
      data: { values },
      encoding: { y },
      layer: [
        {
          mark: { type: 'bar' },
          encoding: {
            x: { field: 'median', type: 'quantitative', title: 'requests/s' },
            color: { field: 'kind', scale: kinds, title: null },
          },
        },
        {
          mark: { type: 'rule', strokeWidth: 1.5 },
          encoding: { x: { field: 'least', type: 'quantitative' }, x2: { field: 'most' } },
        },
      ],
    },
  };
}

function latencyChart(measured: Measured, count: number, kindOf: (name: string) => string): PlacedChart {
  const values = measured.systems.map((system) => ({
    system,
    kind: kindOf(system),
    p50: measured.of(system, count, ({ load }) => load.p50)?.median,
    p99: measured.of(system, count, ({ load }) => load.p99)?.median,
  }));
  const scale = { type: 'log', nice: true };
  const order = values.toSorted((a, b) => (a.p99 ?? 0) - (b.p99 ?? 0)).map(({ system }) => system);
  return {
    section: 'latency',
    shows: `Lines from the median to the 99th percentile of each system's latency with ${count} connections`,
    spec: {
      title: { text: 'Latency', subtitle: `${count} connections; from the median to the 99th percentile` },
      width,
      data: { values },
      encoding: {
        y: { field: 'system', type: 'nominal', sort: order, title: null },
        color: { field: 'kind', type: 'nominal', scale: kinds, title: null },
      },
      layer: [
        {
          mark: { type: 'rule', strokeWidth: 4, opacity: 0.45 },
          encoding: {
            x: { field: 'p50', type: 'quantitative', scale, title: 'ms' },
            x2: { field: 'p99' },
          },
        },
        {
          mark: { type: 'point', filled: true, size: 90, opacity: 1 },
          encoding: { x: { field: 'p50', type: 'quantitative', scale } },
        },
        {
          mark: { type: 'point', filled: true, size: 90, opacity: 1 },
          encoding: { x: { field: 'p99', type: 'quantitative', scale } },
        },
      ],
    },
  };
}

function costChart(measured: Measured, count: number): PlacedChart {
  const values = measured.systems.flatMap((system) =>
    parts.flatMap(([role, part]) => {
      const cost = measured.of(system, count, ({ cpu }) => cpu[role]);
      return cost === undefined ? [] : [{ system, part, cost: cost.median, place: place(part) }];
    }),
  );
  return {
    section: 'costs',
    shows:
      'Stacked bars: processor time of a request in gateway, workers and store ' +
      `with ${count} connections`,
    spec: {
      title: { text: 'Processor time of a request', subtitle: `${count} connections; all processes` },
      width,
      data: { values },
      mark: { type: 'bar' },
      encoding: {
        y: {
          field: 'system',
          type: 'nominal',
          sort: { op: 'sum', field: 'cost', order: 'ascending' },
          title: null,
        },
        x: { field: 'cost', type: 'quantitative', aggregate: 'sum', title: 'µs' },
        color: { field: 'part', type: 'nominal', scale: partColours, title: null },
        order: stacked,
      },
    },
  };
}

function ratioChart(samples: readonly Sample[], ours: string, kindOf: (name: string) => string): PlacedChart {
  const values = [...ratiosOf(samples, ours)].flatMap(([system, { rate }]) =>
    [...rate].map(([count, summary]) => ({
      system,
      kind: kindOf(system),
      connections: `c = ${count}`,
      count,
      ...summary,
    })),
  );
  const x = { type: 'quantitative', scale: { type: 'log', nice: true }, title: 'times as many requests' };
  const y = { field: 'system', type: 'nominal', sort: null, title: null };
  return {
    section: 'ratios',
    shows: 'Points: requests in a second of ringpost divided by those of each other system',
    spec: {
      title: { text: 'Ours divided by theirs', subtitle: 'Right of the line ringpost is faster' },
      data: { values },
      facet: { column: { field: 'connections', type: 'nominal', title: null, sort: { field: 'count' } } },
      spec: {
        width: 190,
        layer: [
          {
            mark: { type: 'rule', color: colours.ink, strokeDash: [4, 3] },
            encoding: { x: { datum: 1, ...x } },
          },
          {
            mark: { type: 'rule', strokeWidth: 1.5 },
            encoding: { y, x: { field: 'least', ...x }, x2: { field: 'most' } },
          },
          {
            mark: { type: 'point', filled: true, size: 80, opacity: 1 },
            encoding: {
              y,
              x: { field: 'median', ...x },
              color: { field: 'kind', type: 'nominal', scale: kinds, title: null },
            },
          },
        ],
      },
    },
  };
}

function growthChart({ points }: Growth): PlacedChart {
  const values = [...Map.groupBy(points, ({ curve, value }) => `${curve}: ${value}`)].flatMap(([, own]) =>
    parts.flatMap(([role, part]) => {
      const cost = summarise(own.flatMap(({ sample }) => sample.cpu[role] ?? []));
      const [{ curve, value } = { curve: '', value: '' }] = own;
      return cost === undefined ? [] : [{ curve, value, part, cost: cost.median, place: place(part) }];
    }),
  );
  return {
    section: 'growth',
    shows: 'Stacked bars: processor time of a request for each value of each curve',
    spec: {
      title: {
        text: 'Processor time of a request when one thing grows',
        subtitle: 'All processes of a kind',
      },
      columns: 3,
      concat: [...new Set(points.map(({ curve }) => curve))].map((curve) => ({
        title: { text: curve, fontSize: 13 },
        width: 190,
        height: 180,
        data: { values: values.filter((each) => each.curve === curve) },
        mark: { type: 'bar' },
        encoding: {
          x: { field: 'value', type: 'nominal', sort: null, title: null },
          y: { field: 'cost', type: 'quantitative', aggregate: 'sum', title: 'µs' },
          color: { field: 'part', type: 'nominal', scale: partColours, title: null },
          order: stacked,
        },
      })),
    },
  };
}
