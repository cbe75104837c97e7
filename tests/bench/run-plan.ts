/** How long and how often to measure. Times are in seconds. */
export interface RunPlan {
  readonly rounds: number;
  /** Load by wrk on {@link warmUpConnections} before the first measurement of a system in a round. */
  readonly warmUpSeconds: number;
  /** Load before each measurement in which each answer is compared with its connection's request. */
  readonly matchSeconds: number;
  readonly seconds: number;
  readonly connections: readonly number[];
}

/** With this many connections code gets compiled and pools fill up. */
export const warmUpConnections = 64;

/**
 * After the start of a system, the cost of a request falls while V8 optimises its functions: for 8 to 10 s
 * with ringpost, for about 16 s with bee-queue and Moleculer (ADR 0022). The warm-up takes that long.
 */
export const fullPlan: RunPlan = {
  rounds: 5,
  warmUpSeconds: 16,
  matchSeconds: 1,
  seconds: 4,
  connections: [1, 16, 64, 256],
};

/** For CI: at most ten minutes for all systems on two processors. */
export const quickPlan: RunPlan = { ...fullPlan, rounds: 3, warmUpSeconds: 1, matchSeconds: 0.5, seconds: 1 };

/** For the curves. Each has its own number of connections. */
export const growthPlan: RunPlan = { ...fullPlan, rounds: 3, connections: [64] };

export const quickGrowthPlan: RunPlan = { ...quickPlan, rounds: 1, connections: [64] };
