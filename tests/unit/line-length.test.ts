import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const maxColumns = 110;
const files = globSync(
  ['gateway', 'worker', 'shared', 'examples', 'tests'].map((folder) => `${folder}/**/*.ts`),
  { exclude: ['**/node_modules/**', '**/dist/**'] },
);

const commentLine = /^\s*(?:\/\/|\/\*|\*)/;
const literal = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`/g;
const commentAtEnd = /[;,(){}[\]=>] \/\/ /;

/**
 * @returns whether a line is too long because of a comment. The formatter breaks code, and neither a literal
 * nor a URL can be broken.
 */
function hasLongComment(line: string): boolean {
  if (line.length <= maxColumns || /https?:\/\//.test(line)) return false;
  return commentLine.test(line) || commentAtEnd.test(line.replaceAll(literal, "''"));
}

it('no comment goes beyond column 110', () => {
  const long = files.flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line, at) => (hasLongComment(line) ? [`${file}:${at + 1}`] : [])),
  );
  expect(files.length).toBeGreaterThan(500);
  expect(long).toEqual([]);
});

it('no line of a script in Lua goes beyond column 110, since nothing formats them', () => {
  const long = globSync('shared/**/*.lua').filter((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .some((line) => line.length > maxColumns),
  );
  expect(long).toEqual([]);
});

it.each([
  [`// ${'x'.repeat(107)}`, false],
  [`// ${'x'.repeat(108)}`, true],
  [` * ${'x'.repeat(108)}`, true],
  [` * https://example.org/${'x'.repeat(108)}`, false],
  [`const text = '// ${'x'.repeat(108)}';`, false],
  [`const text = '${'x'.repeat(108)}'; // why`, true],
])('tells a long comment from a long literal: %s', (line, expected) => {
  expect(hasLongComment(line)).toBe(expected);
});
