import type { RequestName } from './workload/requests.ts';

/** How long and how often to measure. Times are in seconds. */
export interface RunPlan {
  readonly rounds: number;
  /**
   * Undefined: the systems run one at a time. Otherwise all of them stay up and are measured in turns; this
   * is how often they are started, with all rounds each time.
   */
  readonly starts?: number;
  /** Load by wrk on {@link warmUpConnections} before the first measurement of a system in a round. */
  readonly warmUpSeconds: number;
  /** Load before each measurement in which each answer is compared with its connection's request. */
  readonly matchSeconds: number;
  readonly seconds: number;
  readonly connections: readonly number[];
  /** The kinds of request that every system gets. */
  readonly requests: readonly RequestName[];
  /** Kinds of request with large bodies, for some systems. */
  readonly bodies: readonly RequestName[];
  readonly bodyConnections: readonly number[];
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
  requests: ['get', 'post'],
  bodies: ['post-16k', 'post-256k'],
  bodyConnections: [1, 16, 64],
};

/** For CI: at most ten minutes for all systems on two processors. */
export const quickPlan: RunPlan = {
  ...fullPlan,
  rounds: 2,
  warmUpSeconds: 2,
  matchSeconds: 0.2,
  seconds: 1,
  bodyConnections: [16],
};

/** For a change of ringpost: few systems that stay up, and many short measurements. */
export const tightPlan: RunPlan = {
  ...fullPlan,
  rounds: 5,
  starts: 1,
  warmUpSeconds: 12,
  matchSeconds: 0.2,
  seconds: 1,
  connections: [1, 16, 64],
  bodies: [],
};

/** For the curves. Each has its own number of connections. */
export const growthPlan: RunPlan = { ...fullPlan, rounds: 3, connections: [64] };

export const quickGrowthPlan: RunPlan = { ...quickPlan, rounds: 1, connections: [64] };
