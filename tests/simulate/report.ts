import type { Row } from './comparison.ts';

export const begin = '<!-- simulation: made by `npm run simulate` -->';
export const end = '<!-- /simulation -->';

/** @returns a Markdown table. */
export function tableOf(rows: readonly Row[]): string {
  const head = [
    '| load | rule | waiting p50 | waiting p99 | replica-hours | changes | moves of a key | most replicas |',
    '|---|---|---:|---:|---:|---:|---:|---:|',
  ];
  const lines = rows.map(({ load, rule, p50, p99, replicaHours, changes, moved, most }, at) => {
    const first = rows[at - 1]?.load === load ? '' : load;
    const cells = [first, rule, seconds(p50), seconds(p99), replicaHours.toFixed(1), changes.toFixed(0)];
    return `| ${[...cells, moved.toFixed(1), most.toFixed(0)].join(' | ')} |`;
  });
  return [...head, ...lines].join('\n');
}

function seconds(value: number): string {
  return value < 10 ? `${value.toFixed(2)} s` : `${value.toFixed(0)} s`;
}

/** @returns the document with the table between its markers. */
export function withTable(document: string, table: string): string {
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from < 0 || to < from) throw new Error(`the document has no place for the table (${begin} … ${end})`);
  return `${document.slice(0, from)}${begin}\n\n${table}\n\n${document.slice(to)}`;
}
