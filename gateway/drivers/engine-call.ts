/**
 * Asks the engine, for so long.
 *
 * The abort signal alone is not enough: where the connection breaks in the middle of an answer, the engine's client
 * calls nobody back, and nothing is left that a signal could abort.
 * @param ms how long.
 * @param ask the call; it is to pass the signal on.
 * @throws what the engine says, or that it did not answer in time.
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
    throw abort.signal.aborted ? abort.signal.reason : inWords(error);
  } finally {
    clearTimeout(timer);
  }
}

/** @returns a handler for rejections that passes over answers of these statuses: what was asked for is so already. */
export function ignore(...statuses: readonly number[]): (error: unknown) => undefined {
  return (error) => {
    if (error instanceof EngineError && statuses.includes(error.status)) return undefined;
    throw error;
  };
}

/** The engine has refused, in its own words. */
export class EngineError extends Error {
  readonly status: number;

  constructor(status: number, message: string, cause: unknown) {
    super(message, { cause });
    this.status = status;
  }
}

/** Of its client's message only what the engine itself has said. */
function inWords(error: unknown): unknown {
  if (!(error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'))
    return error;
  const json = 'json' in error ? error.json : undefined;
  const said =
    typeof json === 'object' && json !== null && 'message' in json ? String(json.message) : error.message;
  return new EngineError(error.statusCode, said, error);
}
