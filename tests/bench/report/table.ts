import { short } from '../numbers.ts';
import type { Summary } from '../numbers.ts';

/** @returns a table in Markdown; empty without rows. */
export function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  return [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** @returns a median with its range, e.g. `10400 (9800–11000)`; empty if there is no value. */
export function withSpread(summary: Summary | undefined): string {
  if (summary === undefined) return '';
  return `${short(summary.median)} (${short(summary.least)}–${short(summary.most)})`;
}

/** @returns the parts that are not empty, separated by blank lines. */
export function paragraphs(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n\n');
}
