import { Command } from 'commander';
import { commands } from './commands.ts';
import type { Context } from './context.ts';

/** Columns of the help. */
export const helpColumns = 80;

const exitCodeHelp = `
Exit codes: 0 done, 1 failed, 2 wrong command line, setting or config file,
3 no gateway answers.

\`ringpost <command> --help\` explains a command. The pages are in docs/cli.md.`;

/**
 * @param called the command that is called; only its module is loaded.
 * @returns the command line.
 */
export async function createProgram(
  called: string | undefined,
  version: string,
  context: Context,
): Promise<Command> {
  const program = new Command('ringpost')
    .description('A queue-backed HTTP dispatcher: the same key always reaches the same replica.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'explain a command')
    .addHelpText('after', exitCodeHelp)
    .configureOutput({
      getOutHelpWidth: () => helpColumns,
      getErrHelpWidth: () => helpColumns,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      // `runCommandLine` reports errors, since they may have to be JSON.
      outputError: () => undefined,
    })
    .exitOverride();
  for (const { name, summary, load } of commands) {
    const command = program
      .command(name)
      .summary(summary)
      .description(`${capital(summary)}.`);
    command.helpOption('-h, --help', 'print this help');
    if (name === called) (await load()).define(command, context);
  }
  return program;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
