import { colours } from '../charts/charts.ts';
import type { ChartSpec } from '../charts/charts.ts';
import type { Growth } from '../growth/growth.ts';
import type { Role } from '../measure/cpu.ts';
import type { Measured } from '../measured.ts';
import { summarise } from '../numbers.ts';
import { ratiosOf } from '../ratios.ts';
import type { Results } from '../results.ts';
import { typical } from './comparison.ts';
import { isMain, measuredKinds } from './kinds.ts';
import type { MeasuredKind } from './kinds.ts';
import type { Section } from './report.ts';

/** A chart and its section in the report. */
export interface PlacedChart {
  readonly section: Section;
  /** The alternative text. */
  readonly shows: string;
  readonly spec: ChartSpec;
}

/** Of the part of a chart with the marks, in all columns together. */
const width = 560;
const ranges = {
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
  const kinds = measuredKinds(results.samples).filter(isMain);
  const kindOf = (name: string): string => {
    if (name.startsWith(ours)) return 'ringpost';
    return results.systems.find((each) => each.name === name)?.durable === true
      ? 'keeps requests'
      : 'keeps nothing';
  };
  const measured = new Set(results.samples.map(({ system }) => system));
  return [
    ...(kinds.length === 0 ? [] : [ratesChart(kinds, kindOf), latencyChart(kinds, kindOf), costChart(kinds)]),
    ...(kinds.length > 0 && measured.size > 1 && measured.has(ours) ? [ratioChart(kinds, ours, kindOf)] : []),
    ...((results.growth?.points.length ?? 0) > 0 && results.growth ? [growthChart(results.growth)] : []),
  ];
}

type KindOf = (system: string) => string;

/** @returns one value for each kind of request and system, with the typical number of connections. */
const valuesOf = <T extends object>(
  kinds: readonly MeasuredKind[],
  value: (measured: Measured, system: string, count: number) => readonly T[],
): (T & { readonly request: string; readonly system: string })[] =>
  kinds.flatMap(({ title, measured }) =>
    measured.systems.flatMap((system) =>
      value(measured, system, typical(measured)).map((each) => ({ request: title, system, ...each })),
    ),
  );

/** The number of connections in a subtitle. */
const connectionsOf = ([first]: readonly MeasuredKind[]): string =>
  `${first === undefined ? 1 : typical(first.measured)} connections`;

/** Puts the kinds of request beside each other. */
const besides = (kinds: readonly MeasuredKind[], spec: object): object => ({
  facet: {
    column: { field: 'request', type: 'nominal', title: null, sort: kinds.map(({ title }) => title) },
  },
  spec: { width: Math.round(width / kinds.length), ...spec },
});

/** @returns the systems by the first kind of request that each has, sorted. */
const orderBy = <T extends { readonly system: string }>(
  values: readonly T[],
  of: (value: T) => number,
): string[] =>
  [...Map.groupBy(values, ({ system }) => system)]
    .toSorted(([, [a]], [, [b]]) => (a === undefined || b === undefined ? 0 : of(a) - of(b)))
    .map(([system]) => system);

function ratesChart(kinds: readonly MeasuredKind[], kindOf: KindOf): PlacedChart {
  const values = valuesOf(kinds, (measured, system, count) => {
    const summary = measured.of(system, count, ({ rate }) => rate);
    return summary === undefined ? [] : [{ kind: kindOf(system), ...summary }];
  });
  const y = { field: 'system', type: 'nominal', sort: orderBy(values, ({ median }) => -median), title: null };
  return {
    section: 'rates',
    shows: `Bars: requests in a second of each system with ${connectionsOf(kinds)}`,
    spec: {
      title: {
        text: 'Requests in a second',
        subtitle: `${connectionsOf(kinds)}; least and most of the rounds as lines`,
      },
      data: { values },
      ...besides(kinds, {
        layer: [
          {
            mark: { type: 'bar' },
            encoding: {
              y,
              x: { field: 'median', type: 'quantitative', title: 'requests/s' },
              color: { field: 'kind', type: 'nominal', scale: ranges, title: null },
            },
          },
          {
            mark: { type: 'rule', strokeWidth: 1.5 },
            encoding: { y, x: { field: 'least', type: 'quantitative' }, x2: { field: 'most' } },
          },
        ],
      }),
    },
  };
}

function latencyChart(kinds: readonly MeasuredKind[], kindOf: KindOf): PlacedChart {
  const values = valuesOf(kinds, (measured, system, count) => {
    const p50 = measured.of(system, count, ({ load }) => load.p50)?.median;
    const p99 = measured.of(system, count, ({ load }) => load.p99)?.median;
    return p50 === undefined || p99 === undefined ? [] : [{ kind: kindOf(system), p50, p99 }];
  });
  const scale = { type: 'log', nice: true };
  const y = { field: 'system', type: 'nominal', sort: orderBy(values, ({ p99 }) => p99), title: null };
  const color = { field: 'kind', type: 'nominal', scale: ranges, title: null };
  const point = { type: 'point', filled: true, size: 90, opacity: 1 };
  return {
    section: 'latency',
    shows: `Lines from the median to the 99th percentile of each system's latency with ${connectionsOf(kinds)}`,
    spec: {
      title: { text: 'Latency', subtitle: `${connectionsOf(kinds)}; from the median to the 99th percentile` },
      data: { values },
      ...besides(kinds, {
        layer: [
          {
            mark: { type: 'rule', strokeWidth: 4, opacity: 0.45 },
            encoding: {
              y,
              color,
              x: { field: 'p50', type: 'quantitative', scale, title: 'ms' },
              x2: { field: 'p99' },
            },
          },
          { mark: point, encoding: { y, color, x: { field: 'p50', type: 'quantitative', scale } } },
          { mark: point, encoding: { y, color, x: { field: 'p99', type: 'quantitative', scale } } },
        ],
      }),
    },
  };
}

function costChart(kinds: readonly MeasuredKind[]): PlacedChart {
  const values = valuesOf(kinds, (measured, system, count) =>
    parts.flatMap(([role, part]) => {
      const cost = measured.of(system, count, ({ cpu }) => cpu[role]);
      return cost === undefined ? [] : [{ part, cost: cost.median, place: place(part) }];
    }),
  );
  return {
    section: 'costs',
    shows:
      'Stacked bars: processor time of a request in gateway, workers and store ' +
      `with ${connectionsOf(kinds)}`,
    spec: {
      title: { text: 'Processor time of a request', subtitle: `${connectionsOf(kinds)}; all processes` },
      data: { values },
      ...besides(kinds, {
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
      }),
    },
  };
}

function ratioChart(kinds: readonly MeasuredKind[], ours: string, kindOf: KindOf): PlacedChart {
  const values = kinds.flatMap(({ title, samples }) =>
    [...ratiosOf(samples, ours)].flatMap(([system, { rate }]) =>
      [...rate].map(([count, summary]) => ({
        request: title,
        system,
        kind: kindOf(system),
        connections: `c = ${count}`,
        count,
        ...summary,
      })),
    ),
  );
  const x = { type: 'quantitative', scale: { type: 'log', nice: true }, title: 'times as many requests' };
  const y = { field: 'system', type: 'nominal', sort: null, title: null };
  return {
    section: 'ratios',
    shows: 'Points: requests in a second of ringpost divided by those of each other system',
    spec: {
      title: { text: 'Ours divided by theirs', subtitle: 'Right of the line ringpost is faster' },
      data: { values },
      facet: {
        column: { field: 'connections', type: 'nominal', title: null, sort: { field: 'count' } },
        row: { field: 'request', type: 'nominal', title: null, sort: kinds.map(({ title }) => title) },
      },
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
              color: { field: 'kind', type: 'nominal', scale: ranges, title: null },
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
