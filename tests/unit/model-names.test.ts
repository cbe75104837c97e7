import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, test } from 'vitest';
import { missingGuards } from '../model/guards.ts';
import { parse } from '../model/spin.ts';
import { largeWorlds, moreWorlds, shortWorlds } from '../model/worlds.ts';

const models = globSync('docs/model/*.pml');
const text = (file: string): string => readFileSync(file, 'utf8');
const names = new Set(globSync('{gateway,worker,shared}/**/*.{ts,lua}').map((file) => basename(file)));

test.each(models)('%s names only files that exist', (model) => {
  const named = [...text(model).matchAll(/[a-z][\w-]*\.(?:ts|lua)\b/g)].map(([name]) => name);
  expect(named.filter((name) => !names.has(name))).toEqual([]);
});

test('every macro of a world is one of its model', () => {
  for (const { model, defines, ...guard } of [
    ...shortWorlds,
    ...moreWorlds,
    ...largeWorlds,
    ...missingGuards,
  ]) {
    const all = models
      .filter((file) => basename(file).startsWith(model) || basename(file) === 'common.pml')
      .map(text)
      .join('\n');
    const macros = [...defines, ...('off' in guard ? (guard as { off: readonly string[] }).off : [])];
    for (const macro of macros) expect(all).toContain(macro.split('=')[0]);
  }
});

test('every guard that a model can switch off is in the README', () => {
  const readme = text('docs/model/README.md');
  // direct-delivery.pml lists its own.
  const others = models.filter((file) => basename(file) !== 'direct-delivery.pml');
  const guards = others.flatMap((file) =>
    [...text(file).matchAll(/\b(?:NO|UNFENCED)_[A-Z_]+/g)].map(([name]) => name),
  );
  expect([...new Set(guards)].filter((guard) => !readme.includes(guard))).toEqual([]);
});

test('the output of a verifier is read, and what is cut short is no success', () => {
  const output =
    'State-vector 68 byte, depth reached 52, errors: 0\n     6424 states, stored\npan: elapsed time 0.02 seconds\n';
  expect(parse(output)).toMatchObject({ errors: 0, states: 6424, depth: 52, seconds: 0.02, cut: '' });
  expect(parse(`${output}error: max search depth too small\n`).cut).not.toBe('');
  expect(parse('pan: reached -DMEMLIM bound\n').cut).not.toBe('');
});
