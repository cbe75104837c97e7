import { setTimeout as delay } from 'node:timers/promises';
import { ValueLostError } from './large-values.ts';

/** Between two tries, in ms. */
const tryAgainMs = 100;

/**
 * Tries until it succeeds, while Redis answers and refuses, or has lost a part of what it was sent.
 * @param deadline in ms since the epoch.
 * @returns undefined where the deadline has passed first.
 * @throws any other failure.
 */
export async function insist<T>(act: () => Promise<T>, deadline: number): Promise<T | undefined> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (Date.now() >= deadline) return undefined;
      if (!isRefusal(error) && !(error instanceof ValueLostError)) throw error;
      await delay(tryAgainMs);
    }
  }
}

/** Redis has answered, and refuses: it is full, read-only, or loads what it had. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}
