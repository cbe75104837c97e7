import { setTimeout as delay } from 'node:timers/promises';
import { ValueLostError } from '#shared/store/replies/large-values.ts';

const retryDelayMs = 100;

/**
 * Retries while Redis answers and refuses, or has lost a part of what it was sent.
 * @param until the deadline on the `performance.now()` clock.
 * @returns undefined if the deadline has passed first.
 * @throws any other failure.
 */
export async function retryUntil<T>(act: () => Promise<T>, until: number): Promise<T | undefined> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (performance.now() >= until) return undefined;
      if (!isRefusal(error) && !(error instanceof ValueLostError)) throw error;
      await delay(retryDelayMs);
    }
  }
}

/** Whether Redis has answered and refuses: it is full, read-only, or loads its data. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}
