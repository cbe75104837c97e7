import type { BacklogPoint, CurvePoint, Growth } from '../growth/growth.ts';
import { short, summarise } from '../numbers.ts';
import type { Costs } from '../stage.ts';
import { paragraphs, table, withSpread } from './table.ts';

const titles: Readonly<Record<string, string>> = {
  gateways:
    'Gateways (each has its part of the 64 connections; two are warmed up twice as long as one, four four times)',
  'gateways and load': 'Gateways, with 64 connections for each of them (warmed up likewise)',
  replicas:
    'Replicas, with 64 connections for all of them (warmed up on 21 for each, and the longer the more there are: 50 for 17 times as long as 3)',
  'replicas and load': 'Replicas, with 21 connections for each of them (warmed up likewise)',
  body: 'Bytes of the body, of the request and of its answer alike (16 connections)',
  'handler time': 'Time that the handler waits',
  AOF: 'When Redis writes to the disk',
};

const middle = (values: readonly (number | undefined)[]): string =>
  short(summarise(values.filter((value) => value !== undefined))?.median ?? Number.NaN);

/** Curves as tables; medians of the rounds. */
export function growthSections({ points, backlog, rounds }: Growth): string {
  const curves = [...Map.groupBy(points, ({ curve }) => curve)].map(([curve, own]) =>
    paragraphs(`### ${titles[curve] ?? curve}`, curveTable(curve, own)),
  );
  if (curves.length === 0 && backlog.length === 0) return '';
  return paragraphs(
    `The cost of a request when one thing grows and everything else stays: one gateway, three replicas, no body, a handler that
answers at once, AOF every second, 64 connections. Processor time in µs for each request, of all processes of a kind
together; medians of ${rounds} rounds. Everything shares the processors of one machine: the costs carry over, the rates less so.`,
    ...curves,
    backlogSection(backlog),
  );
}

function curveTable(curve: string, points: readonly CurvePoint[]): string {
  return table(
    [
      curve,
      'requests/s',
      'p50 / p99 in ms',
      'gateways',
      'workers',
      'Redis',
      'commands of Redis',
      'bytes in and out of Redis',
    ],
    [...Map.groupBy(points, ({ value }) => value)].map(([value, own]) => {
      const samples = own.map(({ sample }) => sample);
      return [
        value,
        withSpread(summarise(samples.map(({ rate }) => rate))),
        `${middle(samples.map(({ load }) => load.p50))} / ${middle(samples.map(({ load }) => load.p99))}`,
        middle(samples.map(({ cpu }) => cpu.gateway)),
        middle(samples.map(({ cpu }) => cpu.worker)),
        middle(samples.map(({ cpu }) => cpu.store)),
        middle(samples.map(({ redis }) => redis?.commands)),
        middle(samples.map(({ redis }) => redis && redis.bytesIn + redis.bytesOut)),
      ];
    }),
  );
}

function backlogSection(points: readonly BacklogPoint[]): string {
  if (points.length === 0) return '';
  const groups = Map.groupBy(points, ({ backlog, bodyBytes }) =>
    backlog === 0 ? 'none' : `${backlog} with ${bodyBytes} bytes each`,
  );
  const time = (own: readonly BacklogPoint[], value: (costs: Costs) => number | undefined): string => {
    const accepting = middle(own.map((point) => value(point.accepting)));
    const executing = middle(own.map((point) => point.executing && value(point.executing)));
    return executing === '' ? accepting : `${accepting} + ${executing}`;
  };
  return paragraphs(
    '### Backlog, and memory of waiting requests',
    `Async requests (\`Prefer: respond-async\`), with their records and kept answers. With a backlog: the cost of accepting the
last tenth of it, + the cost of executing all of it, and how fast it is drained.`,
    table(
      [
        'backlog',
        'gateway',
        'workers',
        'Redis',
        'drained per second',
        'memory of Redis for each waiting request, in bytes',
      ],
      [...groups].map(([name, own]) => [
        name,
        time(own, ({ cpu }) => cpu.gateway),
        time(own, ({ cpu }) => cpu.worker),
        time(own, ({ cpu }) => cpu.store),
        middle(own.map(({ drainRate }) => drainRate)),
        middle(own.map(({ memory }) => memory)),
      ]),
    ),
  );
}
