/** How one test file went. */
export interface FileResult {
  readonly file: string;
  /** Time in ms that its tests and hooks took. */
  readonly tookMs: number;
  readonly passed: number;
  readonly skipped: number;
  /** The reason of each test that was skipped with one. */
  readonly skipReasons: readonly string[];
  /**
   * One text for each failed test (its full name and the first line of its error), for each error outside of
   * any test, and for a file that could not be loaded.
   */
  readonly failures: readonly string[];
}

const maxSlowFiles = 10;

/** @returns the slowest files with their times, one a line; none if no file took a second. */
export function slowestFiles(results: readonly FileResult[]): readonly string[] {
  return results
    .filter(({ tookMs }) => tookMs >= 1000)
    .toSorted((one, other) => other.tookMs - one.tookMs)
    .slice(0, maxSlowFiles)
    .map(({ file, tookMs }) => `  ${seconds(tookMs).padStart(7)}  ${file}`);
}

/**
 * @param strays texts of failures that belong to no result.
 * @returns one line for each failure.
 */
export function failureLines(
  results: readonly FileResult[],
  strays: readonly string[] = [],
): readonly string[] {
  const ofFiles = results.flatMap(({ file, failures }) => failures.map((failure) => `${file}: ${failure}`));
  return [...ofFiles, ...strays].map((text) => `  failed: ${text}`);
}

/** @returns the reasons for which tests were skipped, each with their number and their files, one a line. */
export function skipLines(results: readonly FileResult[]): readonly string[] {
  const skips = results.flatMap(({ file, skipReasons }) => skipReasons.map((reason) => ({ file, reason })));
  return [...Map.groupBy(skips, ({ reason }) => reason)].map(([reason, some]) => {
    const files = [...new Set(some.map(({ file }) => file.slice(file.lastIndexOf('/') + 1)))];
    return `  ${some.length} ${some.length === 1 ? 'test' : 'tests'} of ${files.join(', ')}: ${reason}`;
  });
}

/** @param cpuMs processor time of all processes of the run; undefined if the system does not say. */
export function durationLine(fileCount: number, wallMs: number, cpuMs: number | undefined): string {
  const cpu = cpuMs === undefined ? '' : `, ${seconds(cpuMs)} of processor time`;
  return `${fileCount} test ${fileCount === 1 ? 'file' : 'files'} in ${seconds(wallMs)}${cpu}`;
}

/**
 * @param strays the number of failures that belong to no result.
 * @param ok whether the whole run succeeded. A failed run counts as one failure if nothing else counts.
 * @returns `N passed, N failed, N skipped`.
 */
export function countLine(results: readonly FileResult[], strays: number, ok: boolean): string {
  const sum = (count: (result: FileResult) => number): number =>
    results.reduce((total, result) => total + count(result), 0);
  const counted = sum(({ failures }) => failures.length) + strays;
  const failed = !ok && counted === 0 ? 1 : counted;
  return `${sum(({ passed }) => passed)} passed, ${failed} failed, ${sum(({ skipped }) => skipped)} skipped`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
