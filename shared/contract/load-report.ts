/** What a program that loads a handler says about it. */
export interface LoadReport {
  /** Why the handler cannot be loaded; undefined if it can. */
  readonly message?: string;
  /** The stack of the error, after source maps. */
  readonly stack?: string;
}

/** The line on stdout with the report, as JSON, begins with this. The handler may write other lines. */
export const loadReportMark = 'ringpost-load-report ';

/** @returns the report in a program's output; undefined if there is none. */
export function loadReportIn(output: string): LoadReport | undefined {
  const at = output.lastIndexOf(`\n${loadReportMark}`);
  const end = at < 0 ? -1 : output.indexOf('\n', at + 1);
  if (end < 0) return undefined;
  // The program wrote it whole.
  return JSON.parse(output.slice(at + 1 + loadReportMark.length, end)) as LoadReport;
}

/** @returns what a handler wrote beside the report. */
export function withoutLoadReport(output: string): string {
  return output
    .split('\n')
    .filter((line) => !line.startsWith(loadReportMark))
    .join('\n')
    .trim();
}
