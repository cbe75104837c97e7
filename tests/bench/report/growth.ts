import type { BacklogPoint, CurvePoint, Growth } from '../growth/growth.ts';
import { short, summarise } from '../numbers.ts';
import type { Costs } from '../stage.ts';
import { paragraphs, table, withSpread } from './table.ts';

const titles: Readonly<Record<string, string>> = {
  gateways: 'Gateways that share 64 connections (warm-up in proportion to their number)',
  'gateways and load': 'Gateways with 64 connections each (same warm-up)',
  replicas: 'Replicas that share 64 connections (warm-up on 21 each, in proportion to their number)',
  'replicas and load': 'Replicas with 21 connections each (same warm-up)',
  body: 'Size of the body of request and answer (16 connections)',
  'handler time': 'Time that the handler takes',
  AOF: 'When Redis syncs its append-only file',
};

const middle = (values: readonly (number | undefined)[]): string =>
  short(summarise(values.filter((value) => value !== undefined))?.median ?? Number.NaN);

/** The curves as tables with the medians of the rounds. */
export function growthSections({ points, backlog, rounds, date }: Growth): string {
  const curves = [...Map.groupBy(points, ({ curve }) => curve)].map(([curve, own]) =>
    paragraphs(`### ${titles[curve] ?? curve}`, curveTable(curve, own)),
  );
  if (curves.length === 0 && backlog.length === 0) return '';
  return paragraphs(
    `What a request costs when one quantity grows and the rest stays at its default: one gateway, three
replicas, no body, a handler that answers at once, AOF every second, 64 connections. Processor time is in
µs per request, for all processes of a kind together; medians of ${rounds} rounds, measured on
${date.slice(0, 10)}. Everything shares the
processors of one machine, so costs carry over to another machine better than rates do.`,
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
      'Redis commands',
      'bytes to and from Redis',
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
    '### Backlog and memory of waiting requests',
    `Async requests (\`Prefer: respond-async\`) with their records and kept answers. For a backlog: the cost
of accepting its last tenth + the cost of executing all of it, and the rate at which it drains.`,
    table(
      [
        'backlog',
        'gateway',
        'workers',
        'Redis',
        'drained per second',
        'Redis memory per waiting request, in bytes',
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
