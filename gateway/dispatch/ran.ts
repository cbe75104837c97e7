import type { Run } from '#shared/contract/reply.ts';
import type { Ran } from '../http/request-notes.ts';

/**
 * @param run what the worker says with its reply.
 * @param timeMs from the acceptance of the request to its deadline.
 * @returns how the request was run, as its gateway sees it.
 */
export function ranOf({ leftMs, serviceMs, attempt, adopter }: Run, timeMs: number): Ran {
  // The clocks of two processes agree to a fraction of a millisecond only.
  return { queueMs: Math.max(0, timeMs - leftMs), serviceMs, attempt, adoptedBy: adopter };
}
