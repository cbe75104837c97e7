import { expect, it } from 'vitest';
import type { Command } from 'commander';
import { settingsText } from '#shared/settings/settings-text.ts';
import { commands } from '../../gateway/cli/commands.ts';
import { Output } from '../../gateway/cli/output.ts';
import { createProgram, helpColumns } from '../../gateway/cli/program.ts';
import { gatewaySettings } from '../../gateway/settings/settings.ts';
import { workerSettings } from '../../worker/config.ts';

const context = {
  settings: {},
  faults: [],
  output: new Output(false, {}),
  exitWith: () => undefined,
};

const helpOf = (command: Command): string => {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text;
};

const withChildren = (command: Command): Command[] => [command, ...command.commands.flatMap(withChildren)];

const tooWide = (text: string): string[] => text.split('\n').filter((line) => line.length > helpColumns);

it('the help of ringpost fits in 80 columns and lists each command', async () => {
  const help = helpOf(await createProgram(undefined, '1.2.3', context));
  expect(tooWide(help)).toEqual([]);
  for (const { name } of commands) expect(help).toMatch(new RegExp(`^  ${name} `, 'm'));
  expect(help).toContain('Exit codes: 0 done, 1 failed, 2 wrong');
});

it.each(commands.map(({ name }) => name))('the help of ringpost %s fits in 80 columns', async (name) => {
  const program = await createProgram(name, '1.2.3', context);
  const command = program.commands.find((each) => each.name() === name);
  const pages = command === undefined ? [] : withChildren(command);
  expect(pages.length).toBeGreaterThan(0);
  for (const page of pages) {
    const help = helpOf(page);
    expect(tooWide(help)).toEqual([]);
    expect(help).toContain('-h, --help');
    // Each page says what its command does.
    expect(page.description()).toMatch(/^[A-Z].*\.$/s);
  }
});

it.each([
  ['the gateway', gatewaySettings],
  ['a worker', workerSettings],
])('the settings of %s fit in 80 columns, without Markdown', (_, schema) => {
  const text = settingsText(schema);
  expect(tooWide(text)).toEqual([]);
  expect(text).not.toMatch(/[`|]/);
  for (const name of Object.keys(schema.properties)) expect(text).toMatch(new RegExp(`^${name}(=|$)`, 'm'));
});
