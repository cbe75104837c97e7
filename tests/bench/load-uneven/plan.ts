/** How much is offered, and how. */
export interface LoadPlan {
  readonly rounds: number;
  /** For each load. */
  readonly seconds: number;
  /** The mean time that a request takes, in ms. Each is measured. */
  readonly serviceMs: readonly number[];
  /** Whether all requests take the same time, or their times have an exponential distribution. */
  readonly work: 'fixed' | 'exponential';
}

/**
 * Servers, each behind a replica of its own. With fewer of them a popular key is a smaller part of what its
 * owner can do, and Zipf at 70 % overloads none.
 */
export const servers = 8;
/** Requests that a server runs at once. Further ones wait. */
export const slots = 2;
/** How many keys there are. */
export const keyCount = 1000;

export const fullPlan: LoadPlan = { rounds: 3, seconds: 20, serviceMs: [20, 80], work: 'fixed' };

/** One round of everything in a minute. */
export const quickPlan: LoadPlan = { rounds: 1, seconds: 3, serviceMs: [20], work: 'fixed' };

/** The loads, in their order. */
export const loadNames = ['zipf', 'slow', 'hot', 'burst'] as const;
export type LoadName = (typeof loadNames)[number];

/** A shape of load. */
export interface LoadShape {
  readonly what: string;
  /** The part of the servers' capacity that is asked for, with all of them at full speed. */
  readonly share: number;
  /** Which part of the requests have each key, in any unit. */
  readonly weight: (rank: number) => number;
  /** How many times as long the first server takes. */
  readonly slowdown?: number;
  /** The rate is this many times as high for {@link burstMs}. */
  readonly burst?: number;
}

/** How long a burst lasts. It begins after a third of the time. */
export const burstMs = 2000;

const even = (): number => 1;

export const shapes: Readonly<Record<LoadName, LoadShape>> = {
  zipf: {
    what: 'Zipf 0.9 over 1,000 keys, at 70 % of the capacity',
    share: 0.7,
    weight: (rank) => rank ** -0.9,
  },
  slow: {
    what: '1,000 keys alike at 50 %; one of the servers takes four times as long',
    share: 0.5,
    weight: even,
    slowdown: 4,
  },
  hot: {
    what: 'one key has 40 % of the requests, the others alike, at 70 %',
    share: 0.7,
    weight: (rank) => (rank === 1 ? (0.4 / 0.6) * (keyCount - 1) : 1),
  },
  burst: {
    what: '1,000 keys alike at 50 %, three times as many requests for 2 s',
    share: 0.5,
    weight: even,
    burst: 3,
  },
};
