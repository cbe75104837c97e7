import type { ProblemCode } from './errors.ts';
import { headerValue } from './headers.ts';
import { parseHttpDate } from './http-date.ts';
import type { HttpReply } from './http.ts';
import type { JobData } from './job.ts';
import { isRepeatable } from './redelivery.ts';

/** Statuses of answers that may differ the next time (RFC 9110 15.6, RFC 6585 4). */
const transient = new Set([429, 502, 503, 504]);
/** Problems with such a status for which a retry is no use. */
const final: ReadonlySet<ProblemCode> = new Set(['reply_timeout', 'reply_too_large', 'worker_died']);

/** The upper bound of the first wait, in ms. It doubles with each attempt, up to `maxWaitMs`. */
const firstWaitMs = 500;
const maxWaitMs = 60_000;
/** A longer `Retry-After` counts as this, in ms: a day. */
const maxRetryAfterMs = 86_400_000;

/**
 * @returns whether an answer could lead to another attempt, if attempts are left. Pure, and cheap: it is
 * called for each answer.
 */
export function mayRetry(
  { problem, status }: Omit<HttpReply, 'body' | 'headers'>,
  job: Pick<JobData, 'redelivery' | 'attempts'>,
): boolean {
  const { attempts: maxAttempts = 1 } = job;
  if (!isRepeatable(job) || maxAttempts === 1 || !transient.has(status)) return false;
  return problem === undefined || !final.has(problem);
}

/**
 * Decides whether a request runs again after its handler has answered: if the request asks for that, is
 * repeatable, and has time left. Waits grow exponentially with full jitter; a longer `Retry-After` in the
 * answer (RFC 9110 10.2.3) is honoured, and `Ringpost-No-Retry` in it forbids another attempt. Pure.
 * @param attempt how often the handler has answered the request, this time included.
 * @param now ms since the epoch.
 * @param random in [0, 1).
 * @returns when to run it again, in ms since the epoch; undefined if the answer is final.
 */
export function retryAt(
  { problem, status, headers }: Omit<HttpReply, 'body'>,
  job: Pick<JobData, 'redelivery' | 'attempts' | 'deadline'>,
  attempt: number,
  now: number,
  random: number,
): number | undefined {
  const { attempts: maxAttempts = 1, deadline } = job;
  if (attempt >= maxAttempts) return undefined;
  if (!mayRetry({ ...(problem === undefined ? {} : { problem }), status }, job)) return undefined;
  if (headerValue(headers, 'ringpost-no-retry') !== undefined) return undefined;
  const jitter = random * Math.min(maxWaitMs, firstWaitMs * 2 ** (attempt - 1));
  const asked = retryAfterMs(headerValue(headers, 'retry-after'), now) ?? 0;
  const at = now + Math.ceil(Math.max(jitter, asked));
  return at < deadline ? at : undefined;
}

/**
 * @param value the value of `Retry-After`: whole seconds, or an HTTP-date.
 * @param now ms since the epoch.
 * @returns the time to wait in ms, at most a day; undefined if there is none, or it is malformed.
 * @see RFC 9110 section 10.2.3
 */
export function retryAfterMs(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  const asked = /^[ \t]*\d+[ \t]*$/.test(value) ? Number(value) * 1000 : timeUntil(value, now);
  return asked === undefined ? undefined : Math.min(asked, maxRetryAfterMs);
}

function timeUntil(value: string, now: number): number | undefined {
  const date = parseHttpDate(value, now);
  return date === undefined ? undefined : Math.max(0, date - now);
}
