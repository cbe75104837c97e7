import type { Results } from '../results.ts';
import { ratiosOf } from '../ratios.ts';
import { reached } from '../targets.ts';
import type { MeasuredKind } from './kinds.ts';
import { paragraphs, table, withSpread } from './table.ts';

/** The section that says first where ringpost is slower, and which targets it misses. */
export function verdicts(
  { samples, systems }: Results,
  kinds: readonly MeasuredKind[],
  ours: string,
): string {
  const targets = reached(samples, ours);
  const missed = targets.filter(({ met }) => !met).length;
  const titles = new Map(kinds.map(({ name, title }) => [name, title]));
  const durable = new Map(systems.map((each) => [each.name, each.durable]));
  const rows = kinds.flatMap(({ title, samples: own, measured }) => {
    const ratios = [...ratiosOf(own, ours)].filter(([name]) => !name.startsWith(`${ours}-`));
    return measured.connections.map((count) => {
      const slower = (keeps: boolean): string =>
        ratios
          .flatMap(([name, { rate }]) => {
            const median = rate.get(count)?.median ?? 1;
            return median < 1 && durable.get(name) === keeps ? [{ name, median }] : [];
          })
          .toSorted((a, b) => a.median - b.median)
          .map(({ name, median }) => `${name} ${median.toFixed(2)}`)
          .join(', ');
      return [title, String(count), slower(true) || 'none', slower(false) || 'none'];
    });
  });
  const hasPeers = rows.some((cells) => cells.slice(2).some((cell) => cell !== 'none')) || targets.length > 0;
  if (!hasPeers) return '';
  return paragraphs(
    `The systems that are faster than ${ours}, with its rate divided by theirs, the worst first:`,
    table(['request', 'connections', 'faster, and keep requests', 'faster, and keep nothing'], rows),
    targets.length === 0
      ? ''
      : `Of ${targets.length} targets, ${missed === 0 ? 'none is' : `${missed} are`} missed:`,
    table(
      ['request', 'connections', `${ours} ÷`, 'ratio', 'target', 'met'],
      targets.map(({ target: { request, connections, against, atLeast }, ratio, met }) => [
        titles.get(request) ?? request,
        String(connections),
        against,
        withSpread(ratio),
        `≥ ${atLeast}`,
        met ? 'yes' : '**no**',
      ]),
    ),
  );
}
