/** What is shown of replicas that join by themselves (`REPLICA_JOIN=auto`). Times are in ms. */
export interface JoiningView {
  /** Time in ms for which a replica without a worker stays one. */
  readonly leaveAfterMs: number;
  /** The workers that have announced themselves and are not let in. */
  readonly standingBy: readonly StandingByView[];
  /** The replicas that operators have removed: they join only after `/add` has named them. */
  readonly removed: readonly { readonly name: string; readonly at: number }[];
}

export interface StandingByView {
  readonly name: string;
  /** In words. */
  readonly reason: string;
  readonly since: number;
}
