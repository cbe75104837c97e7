import { setTimeout as delay } from 'node:timers/promises';
import { ValueLostError } from './large-values.ts';

/** Between two tries, in ms. */
const tryAgainMs = 100;

/**
 * Tries until it succeeds, while Redis answers and refuses, or has lost a part of what it was sent.
 * @param until by `performance.now()`.
 * @returns undefined where that time has come first.
 * @throws any other failure.
 */
export async function insist<T>(act: () => Promise<T>, until: number): Promise<T | undefined> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (performance.now() >= until) return undefined;
      if (!isRefusal(error) && !(error instanceof ValueLostError)) throw error;
      await delay(tryAgainMs);
    }
  }
}

/** Redis has answered, and refuses: it is full, read-only, or loads what it had. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}
