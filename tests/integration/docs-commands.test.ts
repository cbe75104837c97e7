import { readdirSync, readFileSync } from 'node:fs';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectFolder } from '../fixtures/command.ts';
import { commandsOf } from '../fixtures/console-blocks.ts';
import { PageReader } from '../fixtures/page-reader.ts';
import { shareCompiledCode, useScratch } from '../fixtures/scratch.ts';

const scratch = useScratch();

const pages = [
  'README.md',
  ...readdirSync(join(projectFolder, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
].map((name) => ({ name, ...commandsOf(readFileSync(join(projectFolder, name), 'utf8')) }));
const withCommands = pages.filter(({ commands }) => commands.length > 0);

describe('the commands of the documentation', () => {
  it('are in README.md and in pages of docs/', () => {
    const sum = (counts: number[]): number => counts.reduce((all, each) => all + each, 0);
    const commands = sum(withCommands.map((page) => page.commands.length));
    const blocks = sum(withCommands.map((page) => page.blocks));
    const notRun = sum(pages.map((page) => page.notRun));
    console.info(
      `${commands} commands in ${blocks} blocks of ${withCommands.length} pages are run; ` +
        `${notRun} blocks marked \`sh\` are not`,
    );
    expect(withCommands.map(({ name }) => name)).toContain('README.md');
    expect(commands).toBeGreaterThan(30);
  });

  it.each(withCommands)('of $name print what the page says', { timeout: 180_000 }, async (page) => {
    const folder = await scratch();
    await folder.linkProject();
    await shareCompiledCode(folder.folder);
    await symlink(join(projectFolder, 'examples'), join(folder.folder, 'examples'));
    // One page starts it through npm; the others run its script, which starts and ends faster.
    const throughNpm = page.name === 'README.md';
    const script = throughNpm ? 'npm start' : `${process.execPath} gateway/main.ts`;
    const reader = new PageReader(folder, {
      pattern: /\bnpm start$/,
      line: (text) => text.replace('npm ci && ', '').replace(/npm start$/, script),
      first: 'npm start',
    });
    try {
      expect(await reader.differences(page.name, page)).toBe('');
    } finally {
      if (throughNpm) await reader.stop();
    }
  });
});
