import type { JobData } from './job.ts';

/** A line that a request waits in. */
export interface JobLine {
  readonly name: string;
  /** The request runs if fewer requests are before it. */
  readonly limit: number;
  /** The limits that requests of the line have, as far as this one knows. */
  readonly limits: readonly number[];
}

/** The parts of a job that say which lines it is in. */
export type LineTerms = Pick<JobData, 'order' | 'keyLine' | 'keyLimit' | 'keyMost'>;

/** @returns whether a request runs only in its turn. Its job may be taken several times before it starts. */
export function isInLine({ order, keyLine }: LineTerms): boolean {
  return order !== undefined || keyLine !== undefined;
}

/** @returns the line of the requests of its key that run one at a time. */
export function orderLine({ order }: LineTerms): JobLine | undefined {
  return order === undefined ? undefined : { name: order, limit: 1, limits: [1] };
}

/** @returns the line of the requests of its key of which a limited number run. */
export function limitLine({
  keyLine: name,
  keyLimit: limit = 1,
  keyMost = limit,
}: LineTerms): JobLine | undefined {
  if (name === undefined) return undefined;
  return { name, limit, limits: limit === keyMost ? [limit] : [limit, keyMost] };
}

/**
 * @returns all lines of a request. It enters them in this order: only one whose turn has come waits in the
 * line of its key, so that no two requests wait for each other.
 */
export function linesOf(job: LineTerms): readonly JobLine[] {
  return [orderLine(job), limitLine(job)].filter((line) => line !== undefined);
}
