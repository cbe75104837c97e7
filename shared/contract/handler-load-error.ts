/** A handler cannot be loaded. Its message is one sentence that says what is wrong, without secrets. */
export class HandlerLoadError extends Error {
  override readonly name = 'HandlerLoadError';
  /** The lines of code around the place, as plain text. */
  readonly frame: string | undefined;
  /** The last lines that a program wrote to stderr; undefined if there is no program. */
  readonly stderr: readonly string[] | undefined;

  /** @param message e.g. `HANDLER ./handler.ts cannot be loaded: there is no file /app/handler.ts`. */
  constructor(
    message: string,
    options: {
      readonly frame?: string | undefined;
      readonly stderr?: readonly string[];
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : {});
    this.frame = options.frame;
    this.stderr = options.stderr;
  }
}
