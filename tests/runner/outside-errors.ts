import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { FileResult } from './summary.ts';

/** An error that was thrown outside of any test, e.g. by an event emitter that nobody listens to. */
export interface OutsideError {
  /** The test file that ran, relative to the top of the repository; undefined if it is not known. */
  readonly file: string | undefined;
  /** For the summary: what happened, and the first line of the error. */
  readonly text: string;
}

/**
 * @param error as vitest reports an unhandled error: with the path of the test file, if it knows it.
 * @param root the top of the repository.
 */
export function outsideErrorOf(error: unknown, root: string): OutsideError {
  const fields: { VITEST_TEST_PATH?: unknown; message?: unknown } =
    typeof error === 'object' && error !== null ? error : { message: error };
  const path = fields.VITEST_TEST_PATH;
  return {
    file: typeof path === 'string' ? relative(root, path).replaceAll('\\', '/') : undefined,
    text: outsideText(fields.message),
  };
}

/** @param message of an error that was thrown outside of any test, also in a hook. */
export function outsideText(message: unknown): string {
  return `an error outside of any test: ${firstLine(message)}`;
}

/** @returns the first line of an error's message, without colours. */
export function firstLine(message: unknown): string {
  const text = typeof message === 'string' ? message : JSON.stringify(message);
  const [line = ''] = stripVTControlCharacters(text ?? 'it has no message').split('\n');
  return line;
}

/**
 * Makes each error outside of any test a failure of its file, so that the file counts as failed.
 * @returns the results with these failures, and a text for each error whose file is not among the results.
 */
export function withOutsideErrors(
  results: readonly FileResult[],
  errors: readonly OutsideError[],
): { readonly results: readonly FileResult[]; readonly strays: readonly string[] } {
  const files = new Set(results.map(({ file }) => file));
  return {
    results: results.map((result) => {
      // An emitter may emit the same error many times.
      const texts = new Set(errors.filter(({ file }) => file === result.file).map(({ text }) => text));
      return { ...result, failures: [...result.failures, ...texts] };
    }),
    strays: errors.flatMap(({ file, text }) =>
      file !== undefined && files.has(file) ? [] : `${file ?? 'unknown file'}: ${text}`,
    ),
  };
}
