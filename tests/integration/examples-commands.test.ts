import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { projectFolder } from '../fixtures/command.ts';
import { commandsOf } from '../fixtures/console-blocks.ts';
import { copyExample, exampleNames } from '../fixtures/example-folder.ts';
import { PageReader } from '../fixtures/page-reader.ts';
import { useScratch } from '../fixtures/scratch.ts';

const scratch = useScratch();
const names = await exampleNames();
/** What `npx ringpost` runs. */
const ringpost = `${process.execPath} ${join(projectFolder, 'gateway', 'cli', 'main.ts')}`;

it.each(names)(
  'the commands of examples/%s print what its README says',
  async (name) => {
    const page = `examples/${name}/README.md`;
    const commands = commandsOf(readFileSync(join(projectFolder, page), 'utf8'));
    expect(commands.commands.length).toBeGreaterThan(1);
    const folder = await scratch();
    await copyExample(name, folder);
    const reader = new PageReader(folder, {
      pattern: /\bnpx ringpost (?:start|dev)\b/,
      line: (text) => text.replace('npx ringpost', ringpost),
      first: 'npx ringpost start',
    });
    expect(await reader.differences(page, commands)).toBe('');
  },
  120_000,
);

it('examples/README.md lists each example', () => {
  const list = readFileSync(join(projectFolder, 'examples', 'README.md'), 'utf8');
  for (const name of names) expect(list).toContain(`](${name})`);
});
