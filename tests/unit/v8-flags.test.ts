import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { v8Flags } from '#shared/v8/prepare.ts';

it('V8 knows each flag that gateways and workers set', () => {
  const options = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
  const known = v8Flags.map((flag) => flag.replace(/^--(?:no-)?|=.*$/g, ''));
  expect(known.filter((name) => !options.includes(`--${name} `))).toEqual([]);
});
