import { CommanderError } from 'commander';
import type { TakenSettings } from '#shared/settings/secrets.ts';
import { exitCodes, usage } from './failure.ts';
import type { ExitCode } from './failure.ts';
import { Output } from './output.ts';
import { createProgram } from './program.ts';

/**
 * Runs one command.
 * @param argv the arguments after the name of the program.
 * @param environment of this process.
 * @returns the exit code.
 */
export async function runCommandLine(
  argv: readonly string[],
  environment: TakenSettings,
  version: string,
): Promise<ExitCode> {
  const { env: settings, faults } = environment;
  const end = argv.indexOf('--');
  const output = new Output((end < 0 ? argv : argv.slice(0, end)).includes('--json'), settings);
  const called = argv[0] === 'help' ? argv[1] : argv[0];
  let exitCode: ExitCode = exitCodes.ok;
  const exitWith = (code: ExitCode): void => void (exitCode = code);
  try {
    const program = await createProgram(called, version, { settings, faults, output, exitWith });
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) return output.fail(error);
    if (error.exitCode === 0) return exitCodes.ok;
    // Without a command, the help was printed on stderr.
    return error.code === 'commander.help' ? exitCodes.usage : output.fail(usageOf(error, called));
  }
}

/** @returns one sentence for what commander says in two lines. */
function usageOf({ message }: CommanderError, called: string | undefined): Error {
  const said = message
    .replace(/^error: /, '')
    .replace(/\.$/, '')
    .replace(/\.?\n?\(Did you mean (.*)\?\)$/s, '; did you mean $1?');
  const page = said.startsWith('unknown command') || called === undefined ? 'ringpost' : `ringpost ${called}`;
  return usage(said.endsWith('?') ? said : `${said}; see \`${page} --help\``);
}
