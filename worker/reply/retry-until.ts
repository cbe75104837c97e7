import { setTimeout as delay } from 'node:timers/promises';
import { ValueLostError } from '#shared/store/replies/large-values.ts';

const retryDelayMs = 100;

/** What was asked for has not happened, and may happen if it is asked for again. */
export class AskAgainError extends Error {
  override readonly name = 'AskAgainError';
}

/**
 * Retries while Redis answers and refuses, or has lost a part of what it was sent, or what was asked for has
 * not happened yet.
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
      if (!mayPass(error)) throw error;
      await delay(retryDelayMs);
    }
  }
}

function mayPass(error: unknown): boolean {
  return isRefusal(error) || error instanceof ValueLostError || error instanceof AskAgainError;
}

/** Whether Redis has answered and refuses: it is full, read-only, or loads its data. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}
