/** After the first attempts, in s: five seconds to 20 hours. All of them are a little less than three days. */
const waitsS = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 72_000];
/** A wait is up to this much shorter, so that those who failed together do not come back together. */
const jitter = 0.2;
/** No attempt is planned for later than this after the first one, in ms: three days. */
const longestMs = 259_200_000;

/** What is known of a callback after an attempt that failed. */
export interface FailedAttempt {
  /** How often it was sent, this time included. */
  readonly attempts: number;
  /** When it was sent for the first time, in ms since the epoch. */
  readonly firstSent: number;
  /** The receiver asks for so much time, in ms. */
  readonly askedMs: number;
}

/**
 * Decides when a callback is sent again: ten times at most, and for three days at most. A receiver that asks for more
 * time than the plan has moves the next attempt, and neither bound. Pure.
 * @param now ms since the epoch.
 * @param random in [0, 1).
 * @returns ms since the epoch; undefined if that was the last attempt.
 */
export function nextAttempt(
  { attempts, firstSent, askedMs }: FailedAttempt,
  now: number,
  random: number,
): number | undefined {
  const waitS = waitsS[attempts - 1];
  const end = firstSent + longestMs;
  if (waitS === undefined || now >= end) return undefined;
  const waitMs = waitS * 1000 * (1 - jitter * random);
  return Math.min(now + Math.ceil(Math.max(waitMs, askedMs)), end);
}

/**
 * @param attempts that were made before.
 * @returns when the first one was made at the latest, in ms since the epoch, of a callback that does not say so itself:
 * the release before did not note it.
 */
export function firstSentBefore(attempts: number, now: number): number {
  const waitedS = waitsS.slice(0, Math.max(0, attempts)).reduce((sum, each) => sum + each, 0);
  return now - waitedS * 1000;
}
