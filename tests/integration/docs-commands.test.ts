import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { projectFolder } from '../fixtures/command.ts';
import { commandsOf, isPrinted } from '../fixtures/console-blocks.ts';
import type { DocumentedCommand } from '../fixtures/console-blocks.ts';
import { shareCompiledCode, useScratch, whenReady } from '../fixtures/scratch.ts';
import type { ReadyCommand, Scratch } from '../fixtures/scratch.ts';

const scratch = useScratch();
const run = promisify(execFile);

const pages = [
  'README.md',
  ...readdirSync(join(projectFolder, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
].map((name) => ({ name, ...commandsOf(readFileSync(join(projectFolder, name), 'utf8')) }));
const withCommands = pages.filter(({ commands }) => commands.length > 0);

const isStart = ({ text }: DocumentedCommand): boolean => /\bnpm start$/.test(text);

/** Runs the commands of one page in order, as a reader would. */
class Reader {
  #system: ReadyCommand | undefined;
  #id = '';
  readonly #folder: Scratch;
  readonly #script: string;

  /** @param script the command that `npm start` stands for. */
  constructor(folder: Scratch, script: string) {
    this.#folder = folder;
    this.#script = script;
  }

  /** @returns what the command printed. */
  async run(command: DocumentedCommand): Promise<string> {
    if (isStart(command)) return this.#start(command.text);
    this.#system ??= await this.#started('npm start');
    const { url, redisUrl } = this.#system;
    const text = command.text
      .replaceAll('localhost:5000', new URL(url).host)
      .replaceAll('redis-cli -p 6390', `redis-cli -p ${new URL(redisUrl).port}`)
      .replaceAll('<id>', this.#id);
    const { PATH, HOME } = process.env;
    const options = { cwd: this.#folder.folder, env: { PATH, HOME }, timeout: 30_000 };
    const { stdout } = await run('bash', ['-c', text], options);
    // The page writes `<id>` for the id of the last request that it printed.
    this.#id = stdout.match(/[0-9a-f]{8}-[0-9a-f-]{27}\.\w+/)?.[0] ?? this.#id;
    return stdout;
  }

  /** Ends what runs. npm passes a SIGTERM on; a SIGKILL would leave its children behind. */
  async stop(): Promise<void> {
    this.#system?.kill('SIGTERM');
    await this.#system?.exited;
  }

  async #start(text: string): Promise<string> {
    await this.stop();
    this.#system = await this.#started(text.replace('npm ci && ', ''));
    return this.#system.stdout().replaceAll(/^(>.*)?\n/gm, '');
  }

  async #started(text: string): Promise<ReadyCommand> {
    const line = `exec env ${text.replace(/npm start$/, this.#script)}`;
    const command = this.#folder.run('bash', ['-c', line], { PORT: '0' });
    return whenReady(command, this.#folder.folder);
  }
}

function difference(page: string, { line, text, output }: DocumentedCommand, printed: string): string {
  return `${page}:${line}: ${text}\n${printed.trim()}\n\ninstead of\n\n${output}`;
}

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

  it.each(withCommands)('of $name print what the page says', async ({ name, commands }) => {
    const folder = await scratch();
    await folder.linkProject();
    await shareCompiledCode(folder.folder);
    await symlink(join(projectFolder, 'examples'), join(folder.folder, 'examples'));
    // One page starts it through npm; the others run its script, which starts and ends faster.
    const throughNpm = name === 'README.md';
    const reader = new Reader(folder, throughNpm ? 'npm start' : `${process.execPath} gateway/main.ts`);
    const wrong: string[] = [];
    try {
      for (const command of commands) {
        const printed = await reader.run(command);
        if (!isPrinted(command.output, printed)) wrong.push(difference(name, command, printed));
      }
    } finally {
      if (throughNpm) await reader.stop();
    }
    expect(wrong.join('\n\n')).toBe('');
  });
});
