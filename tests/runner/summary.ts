/** How one test file went. */
export interface FileResult {
  readonly file: string;
  /** Time in ms that its tests and hooks took. */
  readonly tookMs: number;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Whether it could not be loaded; then none of its tests ran. */
  readonly broken: boolean;
  /** One text for each failed test: its full name and the first line of its error. */
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

/** @returns one line for each failed test and for each file that could not be loaded. */
export function failedTests(results: readonly FileResult[]): readonly string[] {
  return results.flatMap(({ file, broken, failures }) =>
    broken && failures.length === 0
      ? [`  failed: ${file}: it could not be loaded`]
      : failures.map((failure) => `  failed: ${file}: ${failure}`),
  );
}

/** @param cpuMs processor time of all processes of the run; undefined if the system does not say. */
export function durationLine(fileCount: number, wallMs: number, cpuMs: number | undefined): string {
  const cpu = cpuMs === undefined ? '' : `, ${seconds(cpuMs)} of processor time`;
  return `${fileCount} test ${fileCount === 1 ? 'file' : 'files'} in ${seconds(wallMs)}${cpu}`;
}

/**
 * @param ok whether the run as a whole succeeded: an error outside of any test fails it, but no test.
 * @returns `N passed, N failed, N skipped`.
 */
export function countLine(results: readonly FileResult[], ok: boolean): string {
  const sum = (count: (result: FileResult) => number): number =>
    results.reduce((total, result) => total + count(result), 0);
  const counted = sum(({ failed, broken }) => (broken && failed === 0 ? 1 : failed));
  const failed = !ok && counted === 0 ? 1 : counted;
  return `${sum(({ passed }) => passed)} passed, ${failed} failed, ${sum(({ skipped }) => skipped)} skipped`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
