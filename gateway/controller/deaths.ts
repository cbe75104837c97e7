import { deathReasonOf } from '#shared/contract/cluster-counts.ts';
import type { DeathReason } from '#shared/contract/cluster-counts.ts';
import type { Memory } from './plan.ts';

/**
 * @param before what the controller remembered before a pass, and after it.
 * @returns for each worker that was found to have ended unexpectedly in between: why.
 */
export function deathsBetween(before: Memory, after: Memory): DeathReason[] {
  return [...after].flatMap(([name, { state, reason, failures }]) => {
    const previous = before.get(name);
    // A worker that leaves in order, e.g. for a newer one, has not died.
    const isFine = state === 'ready' || state === 'draining' || state === 'asleep';
    if (previous === undefined || isFine || reason === 'it leaves') return [];
    const died = previous.state === 'ready' || failures > previous.failures;
    return died ? [deathReasonOf(reason)] : [];
  });
}
