import { stripVTControlCharacters } from 'node:util';
import type { Paint } from './paint.ts';

/**
 * @param heads of the columns.
 * @param rows may have colours.
 * @returns the lines of a table. Columns are as wide as their widest cell, with two spaces between them.
 */
export function table(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  paint: Paint,
): string[] {
  const widths = heads.map((head, at) => Math.max(head.length, ...rows.map((row) => widthOf(row[at] ?? ''))));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => cell + ' '.repeat((widths[at] ?? 0) - widthOf(cell)))
      .join('  ')
      .trimEnd();
  return [paint.bold(line(heads)), ...rows.map(line)];
}

/** @returns lines of names and values, the values below each other. */
export function pairs(entries: readonly (readonly [name: string, value: string])[]): string[] {
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}

function widthOf(cell: string): number {
  return stripVTControlCharacters(cell).length;
}
