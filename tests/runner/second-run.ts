import type { FileResult } from './summary.ts';

/** If more files failed than this, the code is broken, and the first results say how. */
const maxFiles = 20;

/** What remains of the results of a run after its failed files have run again. */
export interface SecondRun {
  /** The results, with those of the second runs in place of the first. */
  readonly results: readonly FileResult[];
  /** The first results of the files that passed when they ran again. */
  readonly mended: readonly FileResult[];
}

/**
 * Runs each failed file once more, one after the other and with nothing beside it. A test that waits for
 * processes and leases can fail because the machine was busy; a fault of the code fails again.
 * @param runAlone runs a file by itself.
 */
export async function runFailedAgain(
  results: readonly FileResult[],
  runAlone: (file: string) => Promise<readonly FileResult[]>,
): Promise<SecondRun> {
  const failed = results.filter(hasFailed);
  if (failed.length > maxFiles || results.length === 1) return { results, mended: [] };
  const again = new Map<string, FileResult>();
  for (const { file } of failed) {
    // One at a time, so that nothing runs beside it.
    // oxlint-disable-next-line no-await-in-loop
    for (const result of await runAlone(file)) again.set(result.file, result);
  }
  return {
    results: results.map((result) => again.get(result.file) ?? result),
    mended: failed.filter(({ file }) => !hasFailed(again.get(file))),
  };
}

/** @returns whether a file failed; true for one of which nothing is known. */
export function hasFailed(result: FileResult | undefined): boolean {
  return result === undefined || result.failures.length > 0;
}
