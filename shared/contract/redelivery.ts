import { headerValue } from './headers.ts';

/** Whether a request may run again after its replica died while running it (RFC 9110 9.2.2). */
export type Redelivery = 'safe' | 'never';

/** @returns whether a job may run again, as often as it takes. The job's field calls that `safe`. */
export function isRepeatable({ redelivery }: { readonly redelivery: Redelivery }): boolean {
  return redelivery === 'safe';
}

const repeatable = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/**
 * Whether a request may run again (RFC 9110 9.2.2): by its method, by an `Idempotency-Key`, or as `Ringpost-Retry`
 * says, which decides before the others.
 * @param headers names and values in turn.
 * @returns undefined for a `Ringpost-Retry` that is neither `always` nor `never`.
 */
export function redeliveryOf(method: string, headers: readonly string[]): Redelivery | undefined {
  const asked = headerValue(headers, 'ringpost-retry');
  if (asked !== undefined) {
    const word = asked.trim().toLowerCase();
    if (word === 'always') return 'safe';
    return word === 'never' ? 'never' : undefined;
  }
  const safe = repeatable.has(method) || headerValue(headers, 'idempotency-key') !== undefined;
  return safe ? 'safe' : 'never';
}

/** What is known of a job that a worker has taken. */
export interface Delivery {
  readonly redelivery: Redelivery;
  /** 1 for the first time that a worker took it. */
  readonly attempt: number;
  /** When nobody waits any more, in ms by any clock. */
  readonly deadline: number;
  /** This worker has run it to its end already: Redis has forgotten that. */
  readonly finished: boolean;
}

/**
 * Decides what becomes of a job that was taken from the queue. Pure.
 * @param now by the same clock.
 * @returns `run` it, `drop` it since nobody waits, or answer that its outcome is `unknown`.
 */
export function decideOnTaken(
  { redelivery, attempt, deadline, finished }: Delivery,
  now: number,
): 'run' | 'drop' | 'unknown' {
  if (redelivery === 'never' && (finished || attempt > 1)) return 'unknown';
  return now >= deadline ? 'drop' : 'run';
}

/**
 * Decides what becomes of a job that a dead worker had taken. Pure. How often a job may be lost is another question:
 * see `request-crashes.ts`.
 * @param attempt how often it was begun; 0 if it was taken and certainly not begun.
 * @returns whether it may run `again`, or its client learns that its outcome is `unknown`.
 */
export function decideOnHeld(
  { redelivery }: Pick<Delivery, 'redelivery'>,
  attempt: number,
): 'again' | 'unknown' {
  return attempt === 0 || redelivery === 'safe' ? 'again' : 'unknown';
}
