/** The program of `COMMAND` could not be started. The message is one sentence for the user. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  /** The last lines that the program wrote to stderr. */
  readonly stderr: readonly string[];

  constructor(message: string, stderr: readonly string[] = []) {
    super(message);
    this.stderr = stderr;
  }
}
