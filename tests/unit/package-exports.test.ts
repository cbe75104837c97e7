import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { projectFolder } from '../fixtures/command.ts';
import { entryPoints } from '../release/manifest.ts';

it('the repository exports the entry points of the package, so that examples run in both', () => {
  const { exports } = JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8')) as {
    exports: Readonly<Record<string, string>>;
  };
  const sources = Object.entries(entryPoints).map(([path, module]) => [path, `./${module}.ts`]);
  expect(exports).toEqual(Object.fromEntries(sources));
  for (const file of Object.values(exports)) expect(existsSync(join(projectFolder, file))).toBe(true);
});
