import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createKeys } from '#shared/store/keys/keys.ts';
import { scriptText } from '#shared/store/scripts/load.ts';
import type { Script } from '#shared/store/scripts/script.ts';

const folder = new URL('../../shared/store/scripts/', import.meta.url);
const files = readdirSync(folder)
  .filter((file) => file.endsWith('.lua') && file !== 'functions.lua')
  .map((file) => file.slice(0, -'.lua'.length));
const functions = readFileSync(new URL('functions.lua', folder), 'utf8');
const functionNames = Array.from(functions.matchAll(/^local function (\w+)/gm), ([, name = '']) => name);

/** @returns the header of a script and the rest of its own text. */
function partsOf(file: string): { header: string[]; body: string } {
  const lines = readFileSync(new URL(`${file}.lua`, folder), 'utf8').split('\n');
  const end = lines.findIndex((line) => !line.startsWith('--'));
  return { header: lines.slice(0, end), body: lines.slice(end).join('\n') };
}

/** @returns the highest index that a header documents, and whether its last line covers all that follow. */
function documented(header: readonly string[], of: 'KEYS' | 'ARGV'): { last: number; open: boolean } {
  const entries = header.flatMap((line) => {
    const [, first, dots, last] = new RegExp(`^-- ${of}\\[(\\d+)(\\.\\.)?(\\d+)?\\] `).exec(line) ?? [];
    return first === undefined
      ? []
      : [
          {
            first: Number(first),
            last: Number(last ?? first),
            open: dots !== undefined && last === undefined,
          },
        ];
  });
  let next = 1;
  for (const { first, last } of entries) {
    expect(first, `${of} of the header are consecutive`).toBe(next);
    next = last + 1;
  }
  return { last: next - 1, open: entries.at(-1)?.open ?? false };
}

/** @returns the highest index that a body names. */
function used(body: string, of: 'KEYS' | 'ARGV'): number {
  return Math.max(
    0,
    ...Array.from(body.matchAll(new RegExp(`${of}\\[(\\d+)\\]`, 'g')), ([, n]) => Number(n)),
  );
}

describe.each(files)('%s.lua', (file) => {
  const { header, body } = partsOf(file);

  it('has a header with one line per key and argument', () => {
    for (const kind of ['KEYS', 'ARGV'] as const) {
      const { last } = documented(header, kind);
      expect(used(body, kind), kind).toBeLessThanOrEqual(last);
    }
    expect(header.join('\n')).toContain('-- Returns ');
  });

  it('names the shared functions that it calls and no others', () => {
    const [, names] = /^-- USES (.+)$/m.exec(header.join('\n')) ?? [];
    const named = names?.split(', ') ?? [];
    const text = scriptText(file);
    const called = functionNames.filter((name) => new RegExp(`(?<!function )\\b${name}\\(`).test(text));
    expect(named.toSorted()).toEqual(called.toSorted());
    expect(named).toEqual(functionNames.filter((name) => named.includes(name)));
  });
});

it('an unknown script is refused', () => {
  expect(() => scriptText('no-such-script')).toThrow('ENOENT');
});

it('the Lua function makes the same key for direct deliveries as keys.ts', () => {
  const keys = createKeys('test');
  const prefix = `${keys.replica('S1')}:`;
  expect(
    /function deliveriesKey\(prefix, fence\)\n {2}return prefix \.\. '(.+)' \.\. fence/.exec(functions)?.[1],
  ).toBe(keys.deliveries('S1', 7).slice(prefix.length, -1));
});

describe('the script specifications', async () => {
  const modules = await Promise.all(
    readdirSync(folder)
      .filter((file) => file.endsWith('.ts'))
      .map((file) => import(new URL(file, folder).href) as Promise<Record<string, unknown>>),
  );
  const specifications = modules.flatMap((module) =>
    Object.values(module).filter(
      (value): value is Script<unknown, unknown> =>
        typeof value === 'object' && value !== null && 'file' in value && 'decode' in value,
    ),
  );
  /** Stands for any call; each of its fields is the same text. */
  const anyCall: unknown = new Proxy({}, { get: () => 'x' });

  it('name each Lua file once, except those that are composed with BullMQ', () => {
    const composed = ['add-jobs', 'finish-jobs', 'take-jobs', 'tick'];
    const names = specifications.map(({ file }) => file);
    expect([...names, ...composed].toSorted()).toEqual(files.toSorted());
  });

  it.each(specifications)('give as many keys as the header of $file documents', ({ file, keys }) => {
    const { last } = documented(partsOf(file).header, 'KEYS');
    expect(keys(createKeys('test'), anyCall)).toHaveLength(last);
  });
});
