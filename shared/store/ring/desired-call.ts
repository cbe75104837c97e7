import type { AutoscaleStop } from '../../contract/api/autoscale.ts';
import type { DesiredCall } from '../scripts/ring.ts';
import type { DesiredChange, RingState } from './ring-store.ts';

/**
 * @param now ms since the epoch, in Redis time.
 * @returns the call that makes a change which was decided for a state.
 */
export function desiredCall(state: RingState, change: DesiredChange, now: number): DesiredCall {
  const { add, remove, positions = new Map(), by, token } = change;
  const joined = Math.max(state.joined, ...add.map((member) => member.joined));
  const stop = by === undefined ? undefined : stopText({ by, at: Math.round(now) });
  return { version: state.version, now, joined, add, positions, remove, stop, token, buries: by === 'rm' };
}

/** @returns what is stored while autoscaling is stopped. */
export function stopText(stop: AutoscaleStop): string {
  return JSON.stringify(stop);
}
