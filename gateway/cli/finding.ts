/** What a check of `ringpost doctor` has found. */
export interface Finding {
  /** What was checked. */
  readonly check: string;
  /** `skipped`: it is not needed with these settings. */
  readonly level: 'ok' | 'warning' | 'failed' | 'skipped';
  /** One sentence. */
  readonly message: string;
  /** What to do, in one sentence. */
  readonly advice?: string;
}
