import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeFrame, placeIn } from '#shared/process/code-frame.ts';
import { ErrorPlaces } from '#shared/process/error-places.ts';
import { safeError } from '#shared/process/safe-error.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ringpost-frame-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function source(text: string, name = 'source.ts'): Promise<string> {
  const file = join(directory, name);
  await writeFile(file, text);
  return file;
}

describe('the place of a stack', () => {
  it.each([
    ['    at fetch (file:///app/handler.ts:3:9)', { file: '/app/handler.ts', line: 3, column: 9 }],
    ['    at async fetch (file:///app/a%20b.ts:3:9)', { file: '/app/a b.ts', line: 3, column: 9 }],
    ['    at file:///app/handler.ts:3:9', { file: '/app/handler.ts', line: 3, column: 9 }],
    ['    at async /app/handler.ts:3:9', { file: '/app/handler.ts', line: 3, column: 9 }],
    ['    at A.b [as c] (/app/(group)/x.ts:12:1)', { file: '/app/(group)/x.ts', line: 12, column: 1 }],
    ['    at node:internal/timers:3:9', undefined],
    ['    at fetch (node:internal/timers:3:9)', undefined],
    ['    at compose (/app/node_modules/hono/dist/compose.js:3:9)', undefined],
    ['    at eval (eval at f (/app/x.ts:1:1), <anonymous>:1:1)', undefined],
    ['    at new Promise (<anonymous>)', undefined],
    ['    at f (https://example.org/x.ts:1:1)', undefined],
    [`    at f (${join(process.cwd(), 'worker/handlers/module.ts')}:1:1)`, undefined],
    [`    at f (${'('.repeat(100_000)}:1:1)`, undefined],
    ['nothing', undefined],
  ])('is that of the user in %j', (frame, place) => {
    expect(placeIn([frame])).toEqual(place);
  });

  it('is the first one that is the user’s', () => {
    const frames = [
      '    at f (node:internal/x:1:1)',
      '    at g (/app/node_modules/x/y.js:1:1)',
      '    at h (/app/x.ts:7:8)',
      '    at i (/app/y.ts:9:9)',
    ];
    expect(placeIn(frames)).toEqual({ file: '/app/x.ts', line: 7, column: 8 });
  });
});

describe('a code frame', () => {
  it('shows two lines before and after the place, and a caret below it', async () => {
    const file = await source('one\ntwo\nthree\n\tfour(five);\nsix\nseven\neight\n');
    expect(codeFrame({ file, line: 4, column: 7 })).toBe(
      [
        `${file}:4:7`,
        '  2 | two',
        '  3 | three',
        '> 4 | \tfour(five);',
        '    | \t     ^',
        '  5 | six',
        '  6 | seven',
      ].join('\n'),
    );
  });

  it('names a file in the working directory as it is typed there', () => {
    const frame = codeFrame({ file: join(process.cwd(), 'tests/run.ts'), line: 1, column: 1 });
    expect(frame?.split('\n', 1)).toEqual(['./tests/run.ts:1:1']);
  });

  it('shows the part of a long line around the place, in few characters', async () => {
    const file = await source(`${'a'.repeat(100_000)}XYZ${'b'.repeat(100_000)}\n${'c'.repeat(100_000)}`);
    const lines = codeFrame({ file, line: 1, column: 100_002 })?.split('\n') ?? [];
    const caret = lines[2]?.indexOf('^') ?? -1;
    expect(lines[1]?.slice(caret - 1, caret + 2)).toBe('XYZ');
    for (const line of lines) expect(line.length).toBeLessThan(200);
  });

  it('shows no character that a terminal would obey', async () => {
    const file = await source('a\u001b[31mb\u0007c\n');
    const frame = codeFrame({ file, line: 1, column: 1 });
    for (const control of ['\u001b', '\u0007']) expect(frame).not.toContain(control);
  });

  it.each([
    ['a line that is not there', 'source.ts', 99],
    ['a file that is not there', 'nowhere.ts', 1],
    ['a file that is no source file', 'secrets.env', 1],
    ['a folder', '.', 1],
  ])('is undefined for %s', async (_, name, line) => {
    await source('A=1\n');
    await source('A=1\n', 'secrets.env');
    expect(codeFrame({ file: join(directory, name), line, column: 1 })).toBeUndefined();
  });

  it('is undefined for a file that is too large to be a source file', async () => {
    const file = await source('a\n'.repeat(2_000_000), 'large.ts');
    expect(codeFrame({ file, line: 1, column: 1 })).toBeUndefined();
  });
});

describe('the places of errors', () => {
  /** Throws at one place. */
  const fail = (message: string): Error => new TypeError(message);

  it('are new once in each window, and only then have a frame', () => {
    const places = new ErrorPlaces();
    const first = places.look(fail('one'));
    expect(first).toMatchObject({ isNew: true });
    expect(first.frame).toContain('new TypeError(message)');
    expect(places.look(fail('two'))).toEqual({ isNew: false });
    expect(places.look(new Error('elsewhere')).isNew).toBe(true);
    places.clear();
    expect(places.look(fail('three')).isNew).toBe(true);
  });

  it('are told apart by message if there is no place, and limited in number', () => {
    const places = new ErrorPlaces();
    expect([places.look('a'), places.look('b'), places.look('a')]).toEqual([
      { isNew: true },
      { isNew: true },
      { isNew: false },
    ]);
    for (let at = 0; at < 100; at += 1) places.look(`message ${at}`);
    expect(places.look('one more')).toEqual({ isNew: false });
  });

  it('are found in what the safe form of the error keeps', () => {
    const error = fail('boom');
    const place = placeIn(safeError(error).stack.split('\n'));
    expect(place?.file).toBe(import.meta.filename);
  });

  it('survive anything that can be thrown', () => {
    const odd = new Error('odd');
    Object.defineProperty(odd, 'stack', {
      get: () => {
        throw new Error('no stack');
      },
    });
    for (const thrown of [undefined, null, 7, Symbol('x'), Object.create(null), odd])
      expect(() => new ErrorPlaces().look(thrown)).not.toThrow();
  });
});
