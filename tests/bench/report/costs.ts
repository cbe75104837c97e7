import { short } from '../numbers.ts';
import type { Measured } from '../measured.ts';
import type { Sample } from '../sample.ts';
import { paragraphs, table } from './table.ts';

const parts = [
  ['gateway', 'gateway'],
  ['worker', 'the three workers'],
  ['store', 'Redis'],
] as const;

/** The section on where the time of a request goes in one system. */
export function whereTheTimeGoes(measured: Measured, ours: string): string {
  const rows = measured.connections.flatMap((count) => {
    const of = (value: (sample: Sample) => number | undefined): number =>
      measured.of(ours, count, value)?.median ?? Number.NaN;
    const rate = of((sample) => sample.rate);
    if (Number.isNaN(rate)) return [];
    const busy = (role: 'gateway' | 'worker' | 'store'): string => {
      const cost = of(({ cpu }) => cpu[role]);
      return `${short(cost)} (${Math.round((cost * rate) / 10_000)} %)`;
    };
    return [[String(count), short(of(({ load }) => load.p50 * 1000)), ...parts.map(([role]) => busy(role))]];
  });
  if (rows.length === 0) return '';
  return paragraphs(
    `Processor time of ${ours} in µs per request, and its share of one processor at the measured rate. The
rest of the median latency is waiting: for a processor, for the other requests of a batch, and for two round
trips to Redis.`,
    table(['connections', 'median latency in µs', ...parts.map(([, title]) => title)], rows),
    commands(measured, ours),
  );
}

/** A table of the commands that Redis executes most often for a request. */
function commands(measured: Measured, ours: string): string {
  const counts = measured.connections;
  const names = new Set<string>();
  const byName = (count: number, name: string): number | undefined =>
    measured.of(ours, count, ({ redis }) => redis && (redis.byName[name] ?? 0))?.median;
  // Only the samples know the names of the commands.
  for (const count of counts) {
    measured.of(ours, count, ({ redis }) => {
      for (const name of Object.keys(redis?.byName ?? {})) names.add(name);
      return undefined;
    });
  }
  const shown = [...names]
    .map((name) => ({ name, values: counts.map((count) => byName(count, name) ?? 0) }))
    .filter(({ values }) => values.some((value) => value >= 0.05))
    .toSorted((a, b) => (b.values.at(-1) ?? 0) - (a.values.at(-1) ?? 0));
  return table(
    ['Redis command, per request', ...counts.map((count) => `c=${count}`)],
    shown.map(({ name, values }) => [
      `\`${name.toUpperCase()}\``,
      ...values.map((value) => value.toFixed(2)),
    ]),
  );
}
