import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { projectFolder } from '../fixtures/command.ts';
import { useSystem } from '../fixtures/system.ts';
import { luaMutants } from '../mutants/lua-lines.ts';
import { mutate } from '../mutants/mutant.ts';

const system = useSystem();
const folder = join(projectFolder, 'shared/store/scripts');
const scripts = readdirSync(folder).filter((file) => file.endsWith('.lua'));

// One that Redis cannot read would be killed by every test, and say nothing about them.
it.each(scripts)('Redis can read each mutant of %s', async (file) => {
  const source = readFileSync(join(folder, file), 'utf8');
  for (const mutant of luaMutants(file, source)) {
    const compiled = system().redis.script('LOAD', mutate(source, mutant));
    await expect(compiled, `${mutant.line} ${mutant.change}`).resolves.toMatch(/^[0-9a-f]{40}$/);
  }
});
