/** The times of the rule, in ms. */
export interface RuleTimes {
  /** How often the load is read and a decision is made. */
  readonly tickMs: number;
  /** The window that notices a burst. */
  readonly shortMs: number;
  /** The window that evens out what passes. */
  readonly longMs: number;
  /** The time whose highest load decides on a removal. */
  readonly downMs: number;
}

export interface RuleSettings {
  readonly min: number;
  readonly max: number;
  readonly times: RuleTimes;
}

export const ruleTimes: RuleTimes = { tickMs: 2000, shortMs: 6000, longMs: 60_000, downMs: 300_000 };

/** The part of its slots that a replica uses at the load for which replicas are wanted. */
export const target = 0.7;
/** A replica is removed only if the rest would have at most this part of their target. */
export const restShare = 0.85;
/** A short window that wants so many times the replicas that there are is followed at once. */
export const burstFactor = 2;
/** Otherwise so many are added at a time, as a part of those that there are. */
export const stepShare = 0.5;
/** A replica is hot if it has more than this many times the mean load, and the others have room. */
export const hotFactor = 2;
