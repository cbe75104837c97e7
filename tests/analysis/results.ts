import type { Call } from './endpoints.ts';
import type { Kill } from './recovery.ts';
import type { SlotUse } from './slots.ts';
import type { Strategy } from './strategy.ts';
import type { ThroughputRun } from './throughput.ts';

/** The results of one strategy with one number of replicas. */
export interface SizeResult {
  readonly run: ThroughputRun;
  readonly kills: readonly Kill[];
}

/** The results of one strategy. */
export interface StrategyResult {
  readonly strategy: Strategy;
  /** One result per N, the smallest first. */
  readonly sizes: readonly SizeResult[];
}

/** All results, from which the document is made. */
export interface Results {
  /** the assignment's ring with N = 3. */
  readonly first: ThroughputRun;
  /** The reason for the spread of that ring. */
  readonly slotUse: SlotUse;
  /** the tour of the endpoints. */
  readonly calls: readonly Call[];
  /** The assignment's own strategy is first. */
  readonly strategies: readonly StrategyResult[];
}

/** The numbers of replicas of A-2. */
export const sweepSizes = [2, 3, 4, 5, 6] as const;
/** The number of replicas of. */
export const firstSize = 3;

/** @returns the results with N = 3. @throws RangeError if there are none. */
export function atFirstSize({ sizes }: StrategyResult): SizeResult {
  const found = sizes.find(({ run }) => run.replicas.length === firstSize);
  if (found === undefined) throw new RangeError(`nothing was measured with ${firstSize} replicas`);
  return found;
}
