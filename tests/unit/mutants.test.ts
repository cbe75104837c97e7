import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { projectFolder } from '../fixtures/command.ts';
import { accepted } from '../mutants/accepted.ts';
import { Attempts, vitestSettings } from '../mutants/attempts.ts';
import { importersOf } from '../mutants/imports.ts';
import { luaMutants } from '../mutants/lua-lines.ts';
import { lineText, mutate } from '../mutants/mutant.ts';
import { typescriptMutants } from '../mutants/operators.ts';
import { coreTargets } from '../mutants/targets.ts';

const read = (file: string): string => readFileSync(join(projectFolder, file), 'utf8');
const changes = (source: string): string[] => typescriptMutants('a.ts', source).map(({ change }) => change);

describe('the mutants of a TypeScript file', () => {
  it('are changes of its operators, values, conditions and statements', () => {
    expect(changes('if (a < b) c(1);')).toEqual([
      'a < b → true',
      'a < b → false',
      '< → <=',
      '< → >=',
      'c(1); → ;',
      '1 → 2',
    ]);
    expect(changes("const a: number[] = [x?.y ?? ''];")).toEqual([
      "[x?.y ?? ''] → []",
      '?? → &&',
      '?. → .',
      "'' → 'mutant'",
    ]);
  });

  it('leave types, imports and the texts of errors alone', () => {
    expect(changes("import a from 'a'; type B = 'b' | 1; function f(c: { d?: 2 }): void {}")).toEqual([]);
    expect(changes("throw new Error('no ' + 1);")).toEqual(["throw new Error('no ' + 1); → ;"]);
  });
});

it('a script has a mutant for each statement, with all that belongs to it', () => {
  const script = '-- a comment\nlocal a = f(\n  1\n)\nif a then\n  g()\nend\nreturn a\n';
  expect(luaMutants('a.lua', script).map((mutant) => mutate(script, mutant))).toEqual([
    '-- a comment\n\nif a then\n  g()\nend\nreturn a\n',
    '-- a comment\nlocal a = f(\n  1\n)\n\nreturn a\n',
    '-- a comment\nlocal a = f(\n  1\n)\nif true then\n  g()\nend\nreturn a\n',
    '-- a comment\nlocal a = f(\n  1\n)\nif a then\n  \nend\nreturn a\n',
    '-- a comment\nlocal a = f(\n  1\n)\nif a then\n  g()\nend\n\n',
  ]);
});

it('a condition of a script is taken as true also if it has a string or several lines', () => {
  const script = (condition: string): string => `f()\nif ${condition}then -- why then\n  g()\nend\n`;
  for (const condition of ["a == 'b' ", "a == 'b'\n  and c\n"])
    expect(
      luaMutants('a.lua', script(condition)).map((mutant) => mutate(script(condition), mutant)),
    ).toContain(script('true '));
});

it('a line that continues a statement is removed with it', () => {
  const script = 'local a, b =\n  f()\nreturn a and\n  b\n';
  expect(luaMutants('a.lua', script).map((mutant) => mutate(script, mutant))).toEqual([
    '\nreturn a and\n  b\n',
    'local a, b =\n  f()\n\n',
  ]);
});

it.each(coreTargets)('the tests that run for the mutants of $file exist and load it', ({ file, tests }) => {
  expect(existsSync(join(projectFolder, file))).toBe(true);
  for (const name of tests) {
    const test = join(projectFolder, `tests/unit/${name}.test.ts`);
    expect(importersOf(projectFolder, [join(projectFolder, file)], [test])).toContain(test);
  }
});

it('each mutant that is accepted exists', () => {
  for (const { file, line, change } of accepted) {
    const source = read(file);
    const mutants = file.endsWith('.lua') ? luaMutants(file, source) : typescriptMutants(file, source);
    const found = mutants.filter((mutant) => lineText(source, mutant) === line);
    expect(found.map((mutant) => (change === '*' ? '*' : mutant.change))).toContain(change);
  }
});

describe('the tests of a file', () => {
  const file = 'shared/contract/retry.ts';
  const source = read(file);
  const started: Attempts[] = [];
  afterAll(() => Promise.all(started.map((each) => each.stop())));

  it('kill a mutant that changes what it does, and no mutant that does not', async () => {
    const attempts = new Attempts({
      folder: projectFolder,
      config: await vitestSettings(),
      tests: [join(projectFolder, 'tests/unit/retry.test.ts')],
      file: join(projectFolder, file),
      original: source,
    });
    started.push(attempts);
    await attempts.runOriginal();
    expect(await attempts.runMutant(source.replace('at < deadline', 'at >= deadline'))).toMatchObject({
      outcome: 'killed',
    });
    expect(await attempts.runMutant(`${source}\nexport const unused = 1;\n`)).toEqual({
      outcome: 'survived',
    });
    expect(
      await attempts.runMutant(
        source.replace('at < deadline', 'endless()').concat('function endless(): boolean { for (;;) {} }'),
      ),
    ).toEqual({ outcome: 'late', by: 'the time it took' });
    expect(await attempts.runMutant(source)).toEqual({ outcome: 'survived' });
    // It waits for 3 s of processor time.
  }, 120_000);
});
