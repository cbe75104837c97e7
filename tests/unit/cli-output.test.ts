import { describe, expect, it } from 'vitest';
import { firstToken } from '../../gateway/admin/tokens.ts';
import { checkNode } from '../../gateway/cli/doctor-packages.ts';
import { projectFiles } from '../../gateway/cli/init-files.ts';
import { withScripts } from '../../gateway/cli/init-package.ts';
import { createPaint, usesColours } from '../../gateway/cli/paint.ts';
import { settingsOfFlags } from '../../gateway/cli/setting-flags.ts';
import { shownDuration, shownText } from '../../gateway/cli/shown.ts';
import { table } from '../../gateway/cli/table.ts';

describe('colours', () => {
  it.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
    [false, { FORCE_COLOR: '1' }, true],
    [true, { FORCE_COLOR: '0' }, false],
    [false, { FORCE_COLOR: '1', NO_COLOR: '1' }, false],
  ])('with a terminal (%s) and %o are %s', (isTerminal, env, on) => {
    expect(usesColours(isTerminal, env)).toBe(on);
  });

  it('do not change the columns of a table', () => {
    const lines = (on: boolean) => {
      const paint = createPaint(on);
      const rows = [
        [paint.good('ready'), '1'],
        [paint.bad('lost'), '22'],
      ];
      return table(['STATE', 'N'], rows, paint);
    };
    expect(lines(false)).toEqual(['STATE  N', 'ready  1', 'lost   22']);
    expect(lines(true)[2]).toBe('\u001B[31mlost\u001B[39m   22');
  });
});

describe('what is shown', () => {
  it('has no control characters of others', () => {
    expect(shownText('a\u001B[2Jb\u0007\tc\u009Bd\r')).toBe('a\\x1b[2Jb\\x07\tc\\x9bd\\x0d');
  });

  it.each([
    [0, '0s'],
    [59_400, '59s'],
    [60_000, '1m'],
    [3_600_000, '1h'],
    [172_800_000, '2d'],
  ])('of %i ms is %s', (ms, text) => {
    expect(shownDuration(ms)).toBe(text);
  });
});

it('a token from a list of tokens with names is the first one, without its name', () => {
  expect(firstToken('ops:0123456789abcdef,ci:fedcba9876543210')).toBe('0123456789abcdef');
  expect(firstToken(' 0123456789abcdef ')).toBe('0123456789abcdef');
  expect(firstToken('')).toBeUndefined();
});

it('flags are settings of the same names', () => {
  expect(settingsOfFlags({ port: '1', redisUrl: 'redis://a', adminPort: '0', json: true })).toEqual({
    PORT: '1',
    REDIS_URL: 'redis://a',
    ADMIN_PORT: '0',
  });
});

describe('ringpost init', () => {
  it('names modules .mts in a CommonJS package, where Node.js reads .ts as CommonJS', () => {
    expect(projectFiles('commonjs').files.map(({ name }) => name)).toEqual([
      'handler.mts',
      'handler.test.mts',
      'compose.yaml',
    ]);
    expect(projectFiles('module').handler).toBe('handler.ts');
    expect(projectFiles(undefined).handler).toBe('handler.ts');
  });

  it('adds scripts and keeps those that are there, and the indent', () => {
    const text =
      '{\n\t"name": "a",\n\t"scripts": { "dev": "vite", "test": "echo \\"Error: no test specified\\" && exit 1" }\n}';
    const added = withScripts(text, 'handler.ts', 'handler.test.ts');
    expect(added?.added).toEqual(['start', 'test']);
    expect(added?.text).toContain('\n\t"scripts"');
    expect(JSON.parse(added?.text ?? '')).toEqual({
      name: 'a',
      scripts: {
        dev: 'vite',
        start: 'ringpost start --handler handler.ts',
        test: 'node --test handler.test.ts',
      },
    });
    expect(withScripts(added?.text ?? '', 'handler.ts', 'handler.test.ts')).toBeUndefined();
  });
});

it.each([
  ['v22.18.0', 'failed'],
  ['v22.19.0', 'ok'],
  ['v26.10.0', 'ok'],
  ['v20.19.5', 'failed'],
])('ringpost doctor says of Node.js %s: %s', (version, level) => {
  expect(checkNode(version).level).toBe(level);
});
