import { summarise, short } from '../numbers.ts';
import type { Summary } from '../numbers.ts';
import { costOf } from '../sample.ts';
import type { Sample } from '../sample.ts';

const columns = [
  'request',
  'c',
  'system',
  'requests/s',
  'ours ÷ it',
  'p50 ms',
  'p99 ms',
  'gateway µs',
  'workers µs',
  'store µs',
  'sum µs',
  'ours ÷ it',
  'scripts',
  'commands',
  'others',
];

/**
 * @param ours name of the system whose values are divided by the others', within each round
 * @returns the medians of all rounds as lines of text, with the range of each ratio. `others` is the
 *   largest share of processor time that anything else used; above some percent the run was disturbed.
 */
export function summaryLines(samples: readonly Sample[], ours: string): string[] {
  const rows = [...Map.groupBy(samples, ({ request, connections }) => `${request} ${connections}`)].flatMap(
    ([, own]) => {
      const mine = new Map(own.filter(({ system }) => system === ours).map((each) => [each.round, each]));
      return [...Map.groupBy(own, ({ system }) => system)].map(([system, theirs]) => {
        const middle = (value: (sample: Sample) => number | undefined): string =>
          short(summarise(theirs.flatMap((each) => value(each) ?? []))?.median ?? Number.NaN);
        const ratio = (value: (sample: Sample) => number): string =>
          system === ours
            ? ''
            : withRange(
                summarise(
                  theirs.flatMap((each) => {
                    const other = mine.get(each.round);
                    return other === undefined || value(each) === 0 ? [] : [value(other) / value(each)];
                  }),
                ),
              );
        const [{ request, connections } = { request: '', connections: 0 }] = theirs;
        return [
          request,
          String(connections),
          system,
          middle(({ rate }) => rate),
          ratio(({ rate }) => rate),
          middle(({ load }) => load.p50),
          middle(({ load }) => load.p99),
          middle(({ cpu }) => cpu.gateway ?? cpu.proxy),
          middle(({ cpu }) => cpu.worker),
          middle(({ cpu }) => cpu.store),
          middle(costOf),
          ratio(costOf),
          middle(({ redis }) => redis?.scripts),
          middle(({ redis }) => redis?.commands),
          `${Math.round(100 * Math.max(...theirs.map(({ others }) => others)))} %`,
        ];
      });
    },
  );
  return aligned([columns, ...rows]);
}

const withRange = (summary: Summary | undefined): string =>
  summary === undefined
    ? ''
    : `${summary.median.toFixed(2)} (${summary.least.toFixed(2)}–${summary.most.toFixed(2)})`;

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map((_, at) => Math.max(...rows.map((cells) => cells[at]?.length ?? 0)));
  return rows.map((cells) =>
    cells
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
