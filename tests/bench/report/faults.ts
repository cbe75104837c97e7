import type { Results } from '../results.ts';
import { paragraphs } from './table.ts';

/** The section on faulty answers and on what was left out. */
export function faults({ samples: compared, missing, growth }: Results): string {
  const samples = [...compared, ...(growth?.points ?? []).map(({ sample }) => sample)];
  const found = new Map<string, number>();
  for (const { system, request, connections, faults: all } of samples) {
    for (const fault of all) {
      const line = `\`${system}\`, ${request}, c=${connections}: ${fault}`;
      found.set(line, (found.get(line) ?? 0) + 1);
    }
  }
  for (const { backlog, faults: all } of growth?.backlog ?? []) {
    for (const fault of all) found.set(`backlog ${backlog}: ${fault}`, 1);
  }
  const checked = samples.reduce((sum, { load, matched }) => sum + load.answered + matched.answered, 0);
  return paragraphs(
    checked === 0
      ? ''
      : `${checked} answers were correct: each belongs to its request and to one execution of it, and
brings back the body that was sent.`,
    found.size === 0
      ? 'None was wrong, lost or duplicated.'
      : [...found].map(([line, times]) => `- ${line}${times > 1 ? ` (${times} times)` : ''}`).join('\n'),
    missing.length === 0
      ? ''
      : `Left out:\n\n${missing
          .map(
            ({ system, round, why }) =>
              `- \`${system}\`${round === undefined ? '' : ` in round ${round}`}: ${why.split('\n')[0]}`,
          )
          .join('\n')}`,
  );
}
