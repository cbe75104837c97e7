import { short } from '../numbers.ts';
import { ratiosOf } from '../ratios.ts';
import type { Sample } from '../sample.ts';
import { costOf } from '../sample.ts';
import { isMain } from './kinds.ts';
import type { MeasuredKind } from './kinds.ts';
import { paragraphs, table, withSpread } from './table.ts';

type Cell = (kind: MeasuredKind, system: string, connections: number) => string;

/** The section on larger bodies: rates, ratios and costs of a few systems by size. */
export function bodySizes(kinds: readonly MeasuredKind[], ours: string): string {
  const large = kinds.filter((kind) => !isMain(kind));
  if (large.length === 0) return '';
  const shown = kinds
    .filter(({ name }) => name !== 'post-always')
    .toSorted((a, b) => a.bodyBytes - b.bodyBytes);
  const counts = [...new Set(large.flatMap(({ measured }) => measured.connections))].toSorted(
    (a, b) => a - b,
  );
  const names = [...new Set(large.flatMap(({ measured }) => measured.systems))];
  const of = (title: string, cell: Cell, systems: readonly string[]): string =>
    table(
      [title, 'connections', ...shown.map((kind) => kind.title)],
      counts.flatMap((count) =>
        systems.map((system) => [system, String(count), ...shown.map((kind) => cell(kind, system, count))]),
      ),
    );
  const median = (value: (sample: Sample) => number): Cell => {
    return (kind, system, count) => short(kind.measured.of(system, count, value)?.median ?? Number.NaN);
  };
  return paragraphs(
    of(
      `${ours} ÷`,
      (kind, system, count) => withSpread(ratiosOf(kind.samples, ours).get(system)?.rate.get(count)),
      names.filter((name) => name !== ours),
    ),
    of(
      'requests/s',
      (kind, system, count) => withSpread(kind.measured.of(system, count, ({ rate }) => rate)),
      names,
    ),
    of(
      'p50 in ms',
      median(({ load }) => load.p50),
      names,
    ),
    of(
      'p99 in ms',
      median(({ load }) => load.p99),
      names,
    ),
    of('µs of processor time of a request, all processes', median(costOf), names),
  );
}
