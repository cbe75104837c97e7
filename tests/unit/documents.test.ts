import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const records = new Map(
  globSync('docs/adr/[0-9]*.md').map((file) => [
    file.slice('docs/adr/'.length, 'docs/adr/0000'.length),
    file,
  ]),
);
const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'SECURITY.md',
  ...globSync(['docs/**/*.md', 'examples/**/*.md'], { exclude: ['**/node_modules/**'] }),
];
const sources = globSync(
  ['gateway', 'worker', 'shared', 'tests', 'examples'].map((folder) => `${folder}/**/*.{ts,lua,sh,yml}`),
  { exclude: ['**/node_modules/**', '**/dist/**'] },
);

const maxColumns = 110;
const maxLinesOfRecord = 45;

/** @returns the lines of a Markdown file without tables, code, pictures and lines that end in a link. */
function proseOf(file: string): string[] {
  let inCode = false;
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => {
      if (line.trimStart().startsWith('```')) inCode = !inCode;
      return !inCode && !/^\s*(?:\||!\[|```|<!--|- `.*`$)/.test(line) && !/\]\([^ )]*\)\S*$/.test(line);
    });
}

describe('the decision records', () => {
  it('exist for each number that code and documents cite', () => {
    const missing = [...sources, ...documents].flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/\bADRs? ((?:\d{4}(?:, | and | to |-)?)+)/g)].flatMap(
        ([, numbers = '']) =>
          (numbers.match(/\d{4}/g) ?? [])
            .filter((number) => !records.has(number))
            .map((number) => `${file}: ADR ${number}`),
      ),
    );
    expect(records.size).toBeGreaterThanOrEqual(40);
    expect(missing).toEqual([]);
  });

  it('have their number in the title, at most a page, and a line in the list', () => {
    const list = readFileSync('docs/adr/README.md', 'utf8');
    for (const [number, file] of records) {
      const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
      expect(lines[0]).toMatch(new RegExp(`^# ${number}\\. `));
      expect(lines.length, file).toBeLessThanOrEqual(maxLinesOfRecord);
      expect(list).toContain(`(${file.slice('docs/adr/'.length)})`);
    }
  });
});

describe('the documents', () => {
  it('have no line of prose longer than 110 columns', () => {
    const long = documents.flatMap((file) =>
      proseOf(file)
        .filter((line) => line.length > maxColumns)
        .map((line) => `${file}: ${line}`),
    );
    expect(long).toEqual([]);
  });
});
