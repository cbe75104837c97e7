import { headerValue } from './headers.ts';

/**
 * Whether a request may run again if its replica dies while it runs (RFC 9110 9.2.2), as it is stored in the
 * job. `safe` stands for every repeatable request, not only for those with a safe method.
 */
export type Redelivery = 'safe' | 'never';

/** @returns whether a job may run more than once. */
export function isRepeatable({ redelivery }: { readonly redelivery: Redelivery }): boolean {
  return redelivery === 'safe';
}

/** RFC 9110 9.2.2. */
const idempotentMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/**
 * Decides whether a request may run again. `Ringpost-Retry` decides first; without it, the method or an
 * `Idempotency-Key` makes a request repeatable.
 * @param headers alternating names and values.
 * @returns undefined for a `Ringpost-Retry` that is neither `always` nor `never`.
 */
export function redeliveryOf(method: string, headers: readonly string[]): Redelivery | undefined {
  const asked = askedRetry(headers);
  if (asked !== undefined) {
    if (asked === 'always') return 'safe';
    return asked === 'never' ? 'never' : undefined;
  }
  const repeatable = idempotentMethods.has(method) || headerValue(headers, 'idempotency-key') !== undefined;
  return repeatable ? 'safe' : 'never';
}

/** @returns whether a request itself says that it may run again, by `Ringpost-Retry: always`. */
export function retriesAlways(headers: readonly string[]): boolean {
  return askedRetry(headers) === 'always';
}

function askedRetry(headers: readonly string[]): string | undefined {
  return headerValue(headers, 'ringpost-retry')?.trim().toLowerCase();
}

/** What a worker knows about a job that it has taken. */
export interface TakenJob {
  readonly redelivery: Redelivery;
  /** 1 if no worker has taken it before. For an ordered job, how often its turn has come. */
  readonly timesTaken: number;
  /** In ms, by any clock. */
  readonly deadline: number;
  /** Whether this worker has already finished it, and Redis has forgotten it. */
  readonly finished: boolean;
}

/**
 * Decides what to do with a job that was taken from the queue. Pure.
 * @param now on the same clock as the deadline.
 * @returns `run` it, `drop` it because its deadline has passed, or answer that its outcome is `unknown`.
 */
export function decideOnTaken(
  { redelivery, timesTaken, deadline, finished }: TakenJob,
  now: number,
): 'run' | 'drop' | 'unknown' {
  if (redelivery === 'never' && (finished || timesTaken > 1)) return 'unknown';
  return now >= deadline ? 'drop' : 'run';
}

/**
 * Decides what to do with a job that a worker held when it died. Pure. `request-crashes.ts` decides how many
 * crashes a job may see.
 * @param startCount how often the job was taken, since a job that was taken may have started. It is 0 only if
 *   the job certainly did not start: an unread delivery, or an ordered job whose turn had not come.
 * @returns `again` if it may run again, `unknown` if the client must learn that the outcome is unknown.
 */
export function decideOnHeld(job: Pick<TakenJob, 'redelivery'>, startCount: number): 'again' | 'unknown' {
  return startCount === 0 || isRepeatable(job) ? 'again' : 'unknown';
}
