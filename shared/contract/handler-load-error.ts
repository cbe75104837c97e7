/** A handler cannot be loaded. Its message is one sentence that says what is wrong, without secrets. */
export class HandlerLoadError extends Error {
  override readonly name = 'HandlerLoadError';
  /** The lines of code around the place, as plain text. */
  readonly frame: string | undefined;

  /** @param message e.g. `HANDLER ./handler.ts cannot be loaded: there is no file /app/handler.ts`. */
  constructor(
    message: string,
    options: { readonly frame?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : {});
    this.frame = options.frame;
  }
}
