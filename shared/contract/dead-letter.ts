import { isCount, parseObject } from './json-object.ts';

/** What a listing says about a request that has failed for good. All times are in ms since the epoch. */
export interface DeadLetterSummary {
  readonly id: string;
  readonly replica: string;
  /** `failed` or `expired`. */
  readonly state: string;
  /** Why it failed: the code of the problem, or `http_<status>`. */
  readonly code: string;
  readonly status?: number;
  readonly method: string;
  readonly target: string;
  readonly attempts: number;
  readonly accepted: number;
  readonly ended: number;
}

/** @returns the summary that `text` encodes as JSON; undefined for any other text. */
export function parseSummary(text: string): DeadLetterSummary | undefined {
  const summary = parseObject(text);
  if (summary === undefined) return undefined;
  const { id, replica, state, code, method, target, attempts, accepted, ended } = summary;
  const texts = [id, replica, state, code, method, target].every((each) => typeof each === 'string');
  // The other fields are only shown.
  return texts && [attempts, accepted, ended].every(isCount)
    ? (summary as unknown as DeadLetterSummary)
    : undefined;
}
