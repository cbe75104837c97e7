import { readFileSync, statSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A place in a source file. */
export interface SourcePlace {
  /** Absolute. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

/** Lines before and after the place. */
const around = 2;
const maxColumns = 120;
const maxBytes = 2 * 1024 * 1024;
/** A frame with more characters is skipped. */
const maxFrame = 2000;
/** A stack comes from the code of users and may name any file; only the text of source files is shown. */
const sourceFile = /\.[cm]?[jt]sx?$/;

const root = fileURLToPath(new URL('../../', import.meta.url));
const ownRooms = ['gateway', 'worker', 'shared'].map((room) => `${root}${room}/`);

/** @returns whether a file is neither ringpost's own, nor Node's, nor a package's. */
function isUsers(file: string): boolean {
  return !file.includes('/node_modules/') && !ownRooms.some((room) => file.startsWith(room));
}

/**
 * @param frames of a stack, as V8 writes them, with or without source maps.
 * @returns the first place in them that is the user's; undefined if there is none.
 */
export function placeIn(frames: readonly string[]): SourcePlace | undefined {
  for (const line of frames) {
    const place = line.length > maxFrame ? undefined : placeOfFrame(line);
    if (place !== undefined && isUsers(place.file)) return place;
  }
  return undefined;
}

/** @returns the place in a line such as `    at name (file:///app/x.ts:3:9)`. */
function placeOfFrame(line: string): SourcePlace | undefined {
  const at = /^ {4}at (?:async )?/.exec(line);
  const numbers = /:(\d{1,9}):(\d{1,9})\)?$/.exec(line);
  // The place of code that `eval` runs is in a text, not in a file.
  if (at === null || numbers === null || line.includes('(eval at ')) return undefined;
  const text = line.slice(at[0].length, numbers.index);
  const named = /\((?=\/|file:\/\/)/.exec(text);
  const file = pathOf(named === null ? text : text.slice(named.index + 1));
  return file === undefined ? undefined : { file, line: Number(numbers[1]), column: Number(numbers[2]) };
}

/** @returns the absolute path of a URL or path; undefined if it is none of a file. */
export function pathOf(text: string): string | undefined {
  if (text.startsWith('/')) return text;
  if (!text.startsWith('file://')) return undefined;
  try {
    return fileURLToPath(text);
  } catch {
    return undefined;
  }
}

/** @returns a path as people write it: relative to the working directory if it is in there. */
export function shownPath(file: string): string {
  const short = relative(process.cwd(), file);
  return short.startsWith('..') ? file : `./${short}`;
}

/** @returns e.g. `./handler.ts:3:9`. */
export function shownPlace({ file, line, column }: SourcePlace): string {
  return `${shownPath(file)}:${line}:${column}`;
}

/**
 * Shows the line of a place with the lines around it and a caret, as plain text. Never throws.
 * @returns undefined if the file cannot be read, is no source file, or has no such line.
 */
export function codeFrame(place: SourcePlace): string | undefined {
  try {
    const { file, line, column } = place;
    const found = statSync(file);
    if (!sourceFile.test(file) || !found.isFile() || found.size > maxBytes) return undefined;
    const lines = readFileSync(file, 'utf8').split(/\r?\n/);
    if (lines[line - 1] === undefined) return undefined;
    const from = Math.max(1, line - around);
    const shown = lines.slice(from - 1, line + around);
    const width = String(from + shown.length - 1).length;
    // A long line is shown around the column, and its neighbours from the same column on.
    const left = column > maxColumns - 20 ? column - Math.floor(maxColumns / 2) : 0;
    const rows = shown.flatMap((text, index) => {
      const number = from + index;
      const row =
        `${number === line ? '>' : ' '} ${String(number).padStart(width)} | ${cut(text, left)}`.trimEnd();
      if (number !== line) return [row];
      const before = blank(text.slice(left, Math.max(left, column - 1)));
      return [row, `  ${' '.repeat(width)} | ${left > 0 ? ' ' : ''}${before}^`];
    });
    return [shownPlace(place), ...rows].join('\n');
  } catch {
    return undefined;
  }
}

function cut(text: string, left: number): string {
  const part = text.slice(left, left + maxColumns);
  return `${left > 0 ? '…' : ''}${visible(part)}${text.length > left + maxColumns ? '…' : ''}`;
}

/** Shows control characters, which a terminal might obey, as a blank each; tabs stay. */
function visible(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what is replaced
  return text.replace(/[\0-\x08\x0a-\x1f\x7f-\x9f]/g, ' ');
}

/** @returns blanks, and the same tabs, so that the caret is below its character. */
function blank(text: string): string {
  return text.replace(/[^\t]/g, ' ');
}
