import { isCount, isObject } from './json-object.ts';

/**
 * What outlier detection has to know of a request. A gateway adds it to a job only if the detection is on,
 * and a worker counts only such jobs.
 */
export interface OutlierMark {
  /** The hash of the request's hash key. */
  readonly key: number;
  /** Its client gave it less time than `REPLY_TIMEOUT_MS` or `ASYNC_TIMEOUT_MS`. */
  readonly hurried?: true;
  /** The number of the probe, if it is one. */
  readonly probe?: number;
}

/** @returns whether a value is the mark of a job. */
export function isOutlierMark(value: unknown): value is OutlierMark {
  return (
    isObject(value) && isCount(value['key']) && (value['probe'] === undefined || isCount(value['probe']))
  );
}

/** The header field by which a handler recognises a probe. */
export const probeField = 'Ringpost-Probe';

/** What a worker counts of the answers of its handler since it started, for outlier detection. */
export interface AnswerCounts {
  readonly answered: number;
  /** Answers with a 5xx status, and requests that had no answer by their deadlines. */
  readonly failed: number;
  /** Failures since the last other answer. */
  readonly failedInRow: number;
  /** How many different hash keys these have: 0, 1, or 2 for more. */
  readonly keysFailed: number;
  /** The last ones of these with 502, 503, 504 or no answer. */
  readonly gatewayFailedInRow: number;
  readonly keysGatewayFailed: number;
  /** The number of the last probe; 0 if there was none. */
  readonly probe: number;
  /** How long its answer took, in ms; -1 if it failed. */
  readonly probeMs: number;
  /**
   * How many service times were in which class of {@link timeClassOf}, up to the last class that is not
   * empty. Each hash key counts once a second.
   */
  readonly times: readonly number[];
}

/** Classes of service times. Each is a factor of √2 wide; the first one ends at 1 ms. */
export const timeClasses = 34;

/** @returns the class of a service time in ms. */
export function timeClassOf(ms: number): number {
  return ms < 1 ? 0 : Math.min(timeClasses - 1, Math.floor(2 * Math.log2(ms)) + 1);
}

/**
 * @param times counts of each class.
 * @returns the median in ms, to ±20 %; 0 if nothing was counted.
 */
export function medianOf(times: readonly number[]): number {
  const total = times.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  for (const [at, count] of times.entries()) {
    seen += count;
    // The geometric mean of the bounds of the class.
    if (count > 0 && seen * 2 >= total) return at === 0 ? 0.5 : 2 ** ((2 * at - 1) / 4);
  }
  return 0;
}

/** @returns undefined if a value is none that a worker writes. */
export function answerCountsOf(value: unknown): AnswerCounts | undefined {
  if (!isObject(value)) return undefined;
  const { probeMs, times, ...counts } = value as Record<keyof AnswerCounts, unknown>; // each is checked
  const { answered, failed, failedInRow, keysFailed, gatewayFailedInRow, keysGatewayFailed, probe } = counts;
  if (!isCount(answered) || !isCount(failed) || !isCount(failedInRow) || !isCount(keysFailed))
    return undefined;
  if (!isCount(gatewayFailedInRow) || !isCount(keysGatewayFailed) || !isCount(probe)) return undefined;
  if (typeof probeMs !== 'number' || !Array.isArray(times) || !times.every((count) => isCount(count)))
    return undefined;
  return {
    answered,
    failed,
    failedInRow,
    keysFailed,
    gatewayFailedInRow,
    keysGatewayFailed,
    probe,
    probeMs,
    times: times.slice(0, timeClasses),
  };
}
