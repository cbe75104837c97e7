/** The waits after each attempt, in s: five seconds to 20 hours, together a little less than three days. */
const waitsS = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 72_000];
/**
 * A wait is shorter by up to this share, so that callbacks that failed together are not sent together again.
 */
const jitter = 0.2;
/** The last attempt is at most this long after the first one, in ms: three days. */
const maxTotalMs = 259_200_000;

/** A callback after a failed attempt. */
export interface FailedAttempt {
  /** How often it was sent, including this attempt. */
  readonly attempts: number;
  /** When it was sent for the first time, in ms since the epoch. */
  readonly firstSent: number;
  /** The time that the receiver asks for, in ms. */
  readonly askedMs: number;
}

/**
 * Decides when a callback is sent again: at most ten times, and for at most three days. A receiver that asks
 * for more time than planned delays the next attempt, but changes neither limit. Pure.
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
  const end = firstSent + maxTotalMs;
  if (waitS === undefined || now >= end) return undefined;
  const waitMs = waitS * 1000 * (1 - jitter * random);
  return Math.min(now + Math.ceil(Math.max(waitMs, askedMs)), end);
}

/**
 * For a callback of the release before, which did not note its first attempt.
 * @param attempts that were made before.
 * @returns the latest time at which the first attempt can have been made, in ms since the epoch.
 */
export function firstSentBefore(attempts: number, now: number): number {
  const waitedS = waitsS.slice(0, Math.max(0, attempts)).reduce((sum, each) => sum + each, 0);
  return now - waitedS * 1000;
}
