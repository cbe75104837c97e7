/**
 * Calls the engine, with a timeout.
 *
 * An abort signal alone is not enough: if the connection breaks in the middle of an answer, the engine's
 * client never settles its promise, and nothing is left that a signal could abort.
 * @param ms the timeout.
 * @param ask makes the call, and passes the signal on.
 * @throws the engine's error, or one that says that it did not answer in time.
 */
export async function askEngine<T>(ms: number, ask: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const abort = new AbortController();
  const timer = setTimeout(() => {
    const error = new Error(`no answer within ${ms} ms`);
    reject(error);
    abort.abort(error);
  }, ms);
  try {
    return await Promise.race([ask(abort.signal), late]);
  } catch (error) {
    throw abort.signal.aborted ? abort.signal.reason : engineError(error);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * @returns a handler for rejections that ignores answers of these statuses: the requested state is reached
 * already.
 */
export function ignore(...statuses: readonly number[]): (error: unknown) => undefined {
  return (error) => {
    if (error instanceof EngineError && statuses.includes(error.status)) return undefined;
    throw error;
  };
}

/** The engine refused a call. */
export class EngineError extends Error {
  readonly status: number;

  constructor(status: number, message: string, cause: unknown) {
    super(message, { cause });
    this.status = status;
  }
}

/** Reduces an error of the engine's client to the status and message of the engine. */
function engineError(error: unknown): unknown {
  if (!(error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'))
    return error;
  const json = 'json' in error ? error.json : undefined;
  const said =
    typeof json === 'object' && json !== null && 'message' in json ? String(json.message) : error.message;
  return new EngineError(error.statusCode, said, error);
}
