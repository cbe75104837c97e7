/** A mutant that no test kills, and need not. */
export interface Accepted {
  readonly file: string;
  /** The line of the source in which the change starts, without indentation. */
  readonly line: string;
  /** The change as it is reported, or `*` for each change of the line. */
  readonly change: string;
  readonly reason: string;
}

export const accepted: readonly Accepted[] = [];
