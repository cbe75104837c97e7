import { headerValue } from './headers.ts';

/** Whether a request may run again after its replica died while running it (RFC 9110 9.2.2). */
export type Redelivery = 'safe' | 'never';

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

/** A request whose worker died each time that it was run is not run more often than this: it may be what kills them. */
const mostLosses = 10;

/** What is known of a job that a worker has in its hands. */
export interface Delivery {
  readonly redelivery: Redelivery;
  /** 1 for the first time that a worker took it. */
  readonly attempt: number;
  /** When nobody waits any more, in ms since the epoch. */
  readonly deadline: number;
  /** How often it is run at most, where that was asked for. */
  readonly attempts?: number | undefined;
  /** This worker has run it to its end already: Redis has forgotten that. */
  readonly finished: boolean;
}

/**
 * Decides what becomes of a job that was taken from the queue. Pure.
 * @param now ms since the epoch.
 * @returns `run` it, `drop` it since nobody waits, or answer that its outcome is `unknown`.
 */
export function decideOnTaken(
  { redelivery, attempt, attempts = mostLosses, deadline, finished }: Delivery,
  now: number,
): 'run' | 'drop' | 'unknown' {
  if (redelivery === 'never' && (finished || attempt > 1)) return 'unknown';
  if (attempt > attempts) return 'unknown';
  return now >= deadline ? 'drop' : 'run';
}

/**
 * Decides what becomes of a job that a dead worker had in its hands. Pure.
 * @param attempt how often it was begun; 0 where it was taken and certainly not begun.
 * @returns whether it runs `again`, or its client learns that its outcome is `unknown`.
 */
export function decideOnHeld(
  { redelivery, attempts = mostLosses }: Pick<Delivery, 'redelivery' | 'attempts'>,
  attempt: number,
): 'again' | 'unknown' {
  if (attempt === 0) return 'again';
  return redelivery === 'safe' && attempt < attempts ? 'again' : 'unknown';
}
