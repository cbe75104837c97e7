import { short } from '../numbers.ts';
import type { Summary } from '../numbers.ts';

/** @returns a table in Markdown; nothing where it would have no row. */
export function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  return [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** @returns a median with its spread, e.g. `10400 (9800–11000)`; nothing where there is none. */
export function withSpread(summary: Summary | undefined): string {
  if (summary === undefined) return '';
  return `${short(summary.median)} (${short(summary.least)}–${short(summary.most)})`;
}

/** @returns the parts that are not empty, with a blank line between. */
export function paragraphs(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n\n');
}
