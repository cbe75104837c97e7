/** How long and how often is measured. Times in seconds. */
export interface RunPlan {
  readonly rounds: number;
  /**
   * Of wrk's load before a system's first measurement in a round, on as many connections as
   * {@link warmUpConnections}.
   */
  readonly warmUpSeconds: number;
  /** Of load before each measurement, every answer matched with the request of its connection. */
  readonly matchSeconds: number;
  readonly seconds: number;
  readonly connections: readonly number[];
}

/** Enough of them that code is compiled and pools are full. */
export const warmUpConnections = 64;

/**
 * Its warm-up: how long what a request costs was seen to fall from a system's start on, as functions are
 * compiled anew with what was learnt of them; ringpost's fell for 8 to 10 s, that of bee-queue and Moleculer
 * for about 16 s (ADR 0022).
 */
export const fullPlan: RunPlan = {
  rounds: 5,
  warmUpSeconds: 16,
  matchSeconds: 1,
  seconds: 4,
  connections: [1, 16, 64, 256],
};

/** For CI: ten minutes at most, with two processors and all systems. */
export const quickPlan: RunPlan = { ...fullPlan, rounds: 3, warmUpSeconds: 1, matchSeconds: 0.5, seconds: 1 };

/** For the curves, which have one number of connections each. */
export const growthPlan: RunPlan = { ...fullPlan, rounds: 3, connections: [64] };

export const quickGrowthPlan: RunPlan = { ...quickPlan, rounds: 1, connections: [64] };
