import { safeError } from './safe-error.ts';

/**
 * Ends this process with exit code 1 after an uncaught error, as Node does. Node would print all fields of
 * the error, e.g. the arguments of a Redis command.
 * @param who the program's name, at the beginning of the line on stderr.
 */
export function endOnUncaught(who: string): void {
  const end = (thrown: unknown): never => {
    process.stderr.write(`${who}: uncaught error: ${describe(thrown)}\n`);
    process.exit(1);
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}

/**
 * @returns the stack of a thrown value, or its message if it has no stack, without the arguments that it
 * quotes.
 */
export function describe(thrown: unknown): string {
  const { message, stack, cause } = safeError(thrown);
  const why = cause === undefined ? '' : `\ncaused by ${cause.stack === '' ? cause.message : cause.stack}`;
  return `${stack === '' ? message : stack}${why}`;
}
