import { HandlerLoadError } from '#shared/contract/handler-load-error.ts';

/** The program of `COMMAND` could not be started. The message is one sentence for the user. */
export class CommandFailure extends HandlerLoadError {
  /** The last lines that the program wrote to stderr. */
  readonly stderr: readonly string[];

  constructor(message: string, stderr: readonly string[] = []) {
    super(message);
    this.stderr = stderr;
  }
}
