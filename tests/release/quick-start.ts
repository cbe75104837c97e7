import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { processesIn, projectFolder, runCommand } from '../fixtures/command.ts';
import type { RunningCommand } from '../fixtures/command.ts';
import { outputOf } from './project.ts';

/** A command that takes longer is killed, in ms. */
const maxMs = 120_000;

/**
 * Runs the four commands at the beginning of README.md in an empty folder, with the tarball instead of the
 * published package, and asks the handler twice.
 * @param node the Node.js that runs them.
 * @returns how long each command took.
 */
export async function quickStart(tarball: string, node: string): Promise<string> {
  const commands = commandsOf(readFileSync(join(projectFolder, 'README.md'), 'utf8'));
  assert.equal(commands.length, 4, commands.join('; '));
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'ringpost-start-')));
  const PATH = [dirname(node), process.env['PATH']].join(delimiter);
  const start = (command: string): RunningCommand => {
    const line = command.replace(/^npm install ringpost/, `npm install --no-audit --no-fund ${tarball}`);
    // npm may get its registry from the environment.
    const settings = { ...process.env, PATH, PORT: '0', NODE_COMPILE_CACHE: undefined };
    return runCommand('/bin/sh', ['-c', line], settings, folder, { ownGroup: true });
  };
  const times: string[] = [];
  const timed = async (command: string, until: Promise<unknown>): Promise<void> => {
    const since = performance.now();
    await until;
    times.push(`${command} ${((performance.now() - since) / 1000).toFixed(1)} s`);
  };
  try {
    for (const command of commands.slice(0, -1)) {
      const running = start(command);
      const late = setTimeout(() => running.killGroup('SIGKILL'), maxMs);
      await timed(command, outputOf(running)).finally(() => clearTimeout(late));
    }
    const last = commands.at(-1) ?? '';
    const running = start(last);
    const late = setTimeout(() => running.killGroup('SIGKILL'), maxMs);
    try {
      const ready = running.line(/ready on http/);
      await timed(last, ready);
      const [url = ''] = /http:[^\s(),;]+/.exec(await ready) ?? [];
      for (const visits of [1, 2]) {
        const response = await fetch(url, { headers: { 'ringpost-key': 'tenant-7' } });
        // As the handler that `init` has written answers.
        const answer = (await response.json()) as { readonly key: string; readonly visits: number };
        assert.deepEqual([answer.key, answer.visits], ['tenant-7', visits]);
      }
    } finally {
      // As Ctrl-C does.
      running.killGroup('SIGINT');
      await running.exited;
      clearTimeout(late);
    }
    assert.deepEqual(await processesIn(folder), []);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
  return times.join(', ');
}

/** @returns the commands of the first block of a page. */
function commandsOf(page: string): string[] {
  const [, block = ''] = /^```text\n(.*?)^```/ms.exec(page) ?? [];
  return block
    .split('\n')
    .filter((line) => line.startsWith('$ '))
    .map((line) => line.slice(2));
}
