/** The exit codes of the command line. docs/cli.md and the help list them. */
export const exitCodes = {
  ok: 0,
  /** The command could not do what it was told, or something that it checked is wrong. */
  failed: 1,
  /** The command line, a setting or the config file is wrong. */
  usage: 2,
  /** No gateway answers. */
  noAnswer: 3,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** A failure that the user can correct. The message is one sentence, and no stack is shown. */
export class Failure extends Error {
  override readonly name = 'Failure';
  /** Stable, for programs. */
  readonly code: string;
  readonly exitCode: ExitCode;

  constructor(code: string, message: string, exitCode: ExitCode = exitCodes.failed) {
    super(message);
    this.code = code;
    this.exitCode = exitCode;
  }
}

/** @returns the failure of a command line that cannot be understood. */
export function usage(message: string): Failure {
  return new Failure('usage', message, exitCodes.usage);
}
