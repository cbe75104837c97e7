import { safeError } from './safe-error.ts';

/**
 * Ends this process with 1 for what nothing has caught, as Node does by itself. Node would print the error with all that
 * it carries, e.g. the arguments of a command to Redis.
 * @param who begins the line on stderr.
 */
export function endOnUncaught(who: string): void {
  const end = (thrown: unknown): never => {
    process.stderr.write(`${who}: an error was not caught: ${describe(thrown)}\n`);
    process.exit(1);
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}

/** @returns the stack of what was thrown, or its message where it has none, without payload. */
export function describe(thrown: unknown): string {
  const { message, stack, cause } = safeError(thrown);
  const why = cause === undefined ? '' : `\ncaused by ${cause.stack === '' ? cause.message : cause.stack}`;
  return `${stack === '' ? message : stack}${why}`;
}
