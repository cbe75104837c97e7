import { short } from '../numbers.ts';
import type { Measured } from '../measured.ts';
import { ratiosOf } from '../ratios.ts';
import { costOf } from '../sample.ts';
import type { Sample } from '../sample.ts';
import { table, withSpread } from './table.ts';

/** The number of connections for tables that show only one. */
export const typical = (measured: Measured): number => {
  const counts = measured.connections;
  return counts.includes(64) ? 64 : (counts.at(-1) ?? 1);
};

const connectionHeads = (measured: Measured): string[] => measured.connections.map((count) => `c=${count}`);

/** A table of requests per second. */
export function rates(measured: Measured): string {
  return table(
    ['requests/s', ...connectionHeads(measured)],
    measured.systems.map((name) => [
      name,
      ...measured.connections.map((count) => withSpread(measured.of(name, count, ({ rate }) => rate))),
    ]),
  );
}

/** A table of ringpost's values divided by each peer's; the peers that are faster come first. */
export function ratioTable(samples: readonly Sample[], ours: string, measured: Measured): string {
  const count = typical(measured);
  return table(
    [`${ours} ÷`, ...connectionHeads(measured), `p99 at c=${count} (less is better)`],
    [...ratiosOf(samples, ours)]
      .filter(([, { rate }]) => rate.size > 0)
      .toSorted(([, a], [, b]) => (a.rate.get(count)?.median ?? 0) - (b.rate.get(count)?.median ?? 0))
      .map(([name, { rate, p99 }]) => [
        name,
        ...measured.connections.map((each) => withSpread(rate.get(each))),
        withSpread(p99.get(count)),
      ]),
  );
}

/** A table of the medians of the 50th and the 99th percentile. */
export function latencies(measured: Measured): string {
  return table(
    ['p50 / p99 in ms', ...connectionHeads(measured)],
    measured.systems.map((name) => [
      name,
      ...measured.connections.map((count) => {
        const p50 = measured.of(name, count, ({ load }) => load.p50);
        const p99 = measured.of(name, count, ({ load }) => load.p99);
        return p50 && p99 ? `${short(p50.median)} / ${short(p99.median)}` : '';
      }),
    ]),
  );
}

/** A table of the processor time of each kind of process. */
export function processorCosts(measured: Measured, connections: number): string {
  return table(
    [
      `µs per request, c=${connections}`,
      'gateway or proxy',
      'workers',
      'Redis, NATS or RabbitMQ',
      'sum',
      'wrk',
    ],
    measured.systems.map((name) => {
      const of = (value: (sample: Sample) => number | undefined): string =>
        short(measured.of(name, connections, value)?.median ?? Number.NaN);
      return [
        name,
        of(({ cpu }) => cpu.gateway ?? cpu.proxy),
        of(({ cpu }) => cpu.worker),
        of(({ cpu }) => cpu.store),
        withSpread(measured.of(name, connections, costOf)),
        of(({ cpu }) => cpu.client),
      ];
    }),
  );
}

/** A table of the cost of a request in Redis. */
export function redisCosts(measured: Measured, connections: number): string {
  const rows = measured.systems.flatMap((name) => {
    const of = (value: (cost: NonNullable<Sample['redis']>) => number): string | undefined => {
      const summary = measured.of(name, connections, ({ redis }) => redis && value(redis));
      return summary && short(summary.median);
    };
    const cells = [
      of(({ commands }) => commands),
      of(({ scripts }) => scripts),
      of(({ reads }) => reads),
      of(({ bytesIn }) => bytesIn),
      of(({ bytesOut }) => bytesOut),
    ];
    return cells.every((cell) => cell !== undefined) ? [[name, ...cells]] : [];
  });
  return table(
    [
      `per request, c=${connections}`,
      'commands, including those in scripts',
      'scripts',
      'socket reads',
      'bytes in',
      'bytes out',
    ],
    rows,
  );
}
