import type { Outcome } from './client.ts';

/** The answers of one replica in a tenth of a second. */
export interface Tick {
  /** Its start, in ms from the kill; negative before the kill. */
  readonly fromMs: number;
  readonly replica: string;
  readonly answers: number;
}

/** The length of a tick, in ms. */
export const tickMs = 100;

/**
 * Counts the 2xx answers of each replica in each tick around a moment, including ticks without any.
 * @param moment ms since the epoch.
 */
export function timelineOf(
  outcomes: readonly Outcome[],
  moment: number,
  { before, after }: { readonly before: number; readonly after: number },
): Tick[] {
  const answered = outcomes.flatMap(({ ended, replica, failure }) =>
    replica === undefined || failure !== undefined ? [] : [{ at: ended - moment, replica }],
  );
  const replicas = [...new Set(answered.map(({ replica }) => replica))].toSorted();
  const ticks: Tick[] = [];
  for (let fromMs = -before; fromMs < after; fromMs += tickMs) {
    const now = answered.filter(({ at }) => at >= fromMs && at < fromMs + tickMs);
    for (const replica of replicas) {
      ticks.push({ fromMs, replica, answers: now.filter((answer) => answer.replica === replica).length });
    }
  }
  return ticks;
}
