import type { ProblemCode } from './errors.ts';
import { headerValue } from './headers.ts';
import { parseHttpDate } from './http-date.ts';
import type { HttpReply } from './http.ts';
import type { JobData } from './job.ts';

/** Answers that may be others the next time (RFC 9110 15.6, RFC 6585 4). */
const transient = new Set([429, 502, 503, 504]);
/** Problems of those statuses that would be the same the next time, or that nobody waits for. */
const final: ReadonlySet<ProblemCode> = new Set(['reply_timeout', 'reply_too_large', 'worker_died']);

/** The first wait is up to this long, in ms; each further one may be twice as long, up to the longest. */
const firstWaitMs = 500;
const longestWaitMs = 60_000;
/** The longest `Retry-After` that is honoured, in ms: a day. Anything longer means this. */
const longestRetryAfterMs = 86_400_000;

/**
 * Whether an answer could lead to another attempt, whatever the number of those before. Pure, and cheap: it is asked for
 * each answer.
 */
export function mayRetry(
  { problem, status }: Omit<HttpReply, 'body' | 'headers'>,
  { redelivery, attempts = 1 }: Pick<JobData, 'redelivery' | 'attempts'>,
): boolean {
  if (redelivery !== 'safe' || attempts === 1 || !transient.has(status)) return false;
  return problem === undefined || !final.has(problem);
}

/**
 * Decides whether a request whose handler has answered is run again: where that was asked for, is safe, and there is
 * still time. Waits grow exponentially with full jitter; a longer `Retry-After` of the answer (RFC 9110 10.2.3) is
 * honoured, and `Ringpost-No-Retry` in it is the end. Pure.
 * @param attempt how often the request was begun and its handler answered, this time included.
 * @param now ms since the epoch.
 * @param random in [0, 1).
 * @returns when it is to be run again, in ms since the epoch; undefined where the answer stands.
 */
export function retryAt(
  { problem, status, headers }: Omit<HttpReply, 'body'>,
  { redelivery, attempts = 1, deadline }: Pick<JobData, 'redelivery' | 'attempts' | 'deadline'>,
  attempt: number,
  now: number,
  random: number,
): number | undefined {
  if (
    attempt >= attempts ||
    !mayRetry({ ...(problem === undefined ? {} : { problem }), status }, { redelivery, attempts })
  )
    return undefined;
  if (headerValue(headers, 'ringpost-no-retry') !== undefined) return undefined;
  const jitter = random * Math.min(longestWaitMs, firstWaitMs * 2 ** (attempt - 1));
  const asked = retryAfterMs(headerValue(headers, 'retry-after'), now) ?? 0;
  const at = now + Math.ceil(Math.max(jitter, asked));
  return at < deadline ? at : undefined;
}

/**
 * @param value of `Retry-After`: whole seconds, or an HTTP-date.
 * @param now ms since the epoch.
 * @returns the time to wait in ms, at most a day; undefined if there is none, or it is malformed.
 * @see RFC 9110 section 10.2.3
 */
export function retryAfterMs(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  const asked = /^[ \t]*\d+[ \t]*$/.test(value) ? Number(value) * 1000 : timeUntil(value, now);
  return asked === undefined ? undefined : Math.min(asked, longestRetryAfterMs);
}

function timeUntil(value: string, now: number): number | undefined {
  const date = parseHttpDate(value, now);
  return date === undefined ? undefined : Math.max(0, date - now);
}
