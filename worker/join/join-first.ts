import process from 'node:process';
import { isDoneWithin } from '#shared/process/within.ts';
import type { Membership } from './membership.ts';

/** Time in ms to withdraw an announcement. One that is left expires. */
const withdrawMs = 1000;

/**
 * Waits until the replica of this process's worker is one. A SIGTERM or SIGINT withdraws the announcement and
 * ends the process with 0: the worker has taken nothing yet.
 * @returns a function to be called once others handle these signals.
 */
export async function joinFirst(membership: Membership): Promise<() => void> {
  const onSignal = (): void => {
    const left = membership.leave().catch(() => undefined);
    void isDoneWithin(left, withdrawMs).finally(() => process.exit(0));
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  // If it was told to leave, the process is about to end.
  if (!(await membership.join())) await new Promise(() => undefined);
  return () => {
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
  };
}
