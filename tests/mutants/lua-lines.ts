import { mutantOf } from './mutant.ts';
import type { Mutant } from './mutant.ts';

/**
 * @returns a mutant for each statement of a script: the statement is removed, and the condition of an `if` is
 * taken as true. A statement is a line of code with the lines that belong to it, up to the `end` or the
 * bracket that closes it. A line between brackets is removed with its statement.
 */
export function luaMutants(file: string, source: string): Mutant[] {
  const lines = source.split('\n');
  const starts = lines.map((_, at) => lines.slice(0, at).reduce((sum, line) => sum + line.length + 1, 0));
  const found: Mutant[] = [];
  const add = (first: number, column: number, last: number, text: string): void => {
    const from = (starts[first] ?? 0) + column;
    found.push(mutantOf(file, source, from, (starts[last] ?? 0) + (lines[last]?.length ?? 0), text));
  };
  /** How many brackets are open before a line; the lines between them belong to a statement. */
  let brackets = 0;
  for (const [at, line] of lines.entries()) {
    const code = codeOf(line);
    const isContinued = brackets > 0 || goesOn(lines, at - 1);
    brackets += bracketsOf(code);
    if (code === '' || isContinued || /^(end|else|then|until|[\])}])/.test(code) || isFunction(code)) {
      if (code.startsWith('elseif ')) add(at, 0, branchEnd(lines, at), '');
      continue;
    }
    const column = line.length - line.trimStart().length;
    add(at, column, statementEnd(lines, at), '');
    if (!code.startsWith('if ')) continue;
    const from = (starts[at] ?? 0) + column + 'if '.length;
    const then = lines.findIndex((each, index) => index >= at && /\bthen\b/.test(codeOf(each)));
    const to = (starts[then] ?? 0) + thenColumn(lines[then] ?? '');
    found.push(mutantOf(file, source, from, to, 'true '));
  }
  return found;
}

/** @returns where the `then` of a line is. The code has as many characters as the line up to its comment. */
function thenColumn(line: string): number {
  return line.length - line.trimStart().length + codeOf(line).search(/\bthen\b/);
}

/** @returns the last line of the statement that starts at a line. */
function statementEnd(lines: readonly string[], first: number): number {
  let open = 0;
  for (let at = first; at < lines.length; at += 1) {
    const code = codeOf(lines[at] ?? '');
    open += bracketsOf(code) + blocksOf(code);
    if (open <= 0 && !goesOn(lines, at)) return at;
  }
  return lines.length - 1;
}

/** @returns whether the expression in a line goes on in the next one. */
function goesOn(lines: readonly string[], at: number): boolean {
  const [code, next] = [codeOf(lines[at] ?? ''), codeOf(lines[at + 1] ?? '')];
  return /(\.\.|\b(and|or)|[,=])$/.test(code) || /^(and|or|\.\.|[+\-*/=])(\s|$)/.test(next);
}

/** @returns the last line of the branch that starts with `elseif` at a line. */
function branchEnd(lines: readonly string[], first: number): number {
  let open = 0;
  for (let at = first + 1; at < lines.length; at += 1) {
    const code = codeOf(lines[at] ?? '');
    if (open === 0 && /^(elseif |else$|end\b)/.test(code)) return at - 1;
    open += blocksOf(code);
  }
  return first;
}

/** @returns the line without indentation, comment and the contents of its strings. */
function codeOf(line: string): string {
  return line
    .trim()
    .replaceAll(/'(?:[^'\\]|\\.)*'/g, (text) => `'${'s'.repeat(Math.max(0, text.length - 2))}'`)
    .replace(/\s*--.*$/, '');
}

function bracketsOf(code: string): number {
  return count(code, /[([{]/g) - count(code, /[)\]}]/g);
}

/** @returns how many blocks a line opens, less those that it closes. The `do` of a loop opens one. */
function blocksOf(code: string): number {
  return count(code, /\b(if|do|function|repeat)\b/g) - count(code, /\b(end|until)\b/g);
}

/** A function of `functions.lua` is not removed, since whoever calls it would fail. */
function isFunction(code: string): boolean {
  return code.startsWith('local function ');
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}
