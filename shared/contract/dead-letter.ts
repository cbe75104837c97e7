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

/** The fields of a dead letter's hash in Redis. */
export interface DeadLetterFields {
  /** {@link DeadLetterSummary} as JSON. */
  readonly summary: string;
  /** The job's data as JSON, without secrets. */
  readonly job: string;
  /** The body of the request, if it is not in the job. */
  readonly body?: Buffer;
  /** The frame of the answer, without secrets; undefined if there was no answer. */
  readonly reply?: Buffer;
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
