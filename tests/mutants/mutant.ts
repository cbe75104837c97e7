import { createHash } from 'node:crypto';

/** One change of a source file that a test should notice. */
export interface Mutant {
  /** Relative to the top of the repository. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** Where the replaced text starts and ends in the file, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /** What stands there instead. */
  readonly text: string;
  /** For people: the replaced text and its replacement, on one line. */
  readonly change: string;
}

/** @returns a mutant that replaces a part of a file's text. */
export function mutantOf(file: string, source: string, start: number, end: number, text: string): Mutant {
  const line = source.slice(0, start).split('\n').length;
  const change = `${shortened(source.slice(start, end))} → ${shortened(text.trim()) || 'nothing'}`;
  return { file, line, start, end, text, change };
}

/** @returns the text of the file with this change. */
export function mutate(source: string, { start, end, text }: Mutant): string {
  return source.slice(0, start) + text + source.slice(end);
}

/** @returns what names a mutant as long as its file does not change. */
export function mutantId(source: string, { file, start, end, text }: Mutant): string {
  return createHash('sha256')
    .update(JSON.stringify([file, source, start, end, text]))
    .digest('base64url');
}

/** @returns the line of the source in which the change starts, without indentation. */
export function lineText(source: string, { line }: Mutant): string {
  return source.split('\n')[line - 1]?.trim() ?? '';
}

function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > 90 ? `${line.slice(0, 87)}…` : line;
}
