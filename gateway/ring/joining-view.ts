import type { JoiningView } from '#shared/contract/joining-view.ts';
import type { JoinState } from '#shared/store/joins/join-store.ts';

/** @returns what is shown of replicas that join by themselves; null if none does. */
export function joiningView({ policy, standingBy, tombstones }: JoinState): JoiningView | null {
  if (policy === undefined) return null;
  return {
    leaveAfterMs: policy.leaveAfterMs,
    standingBy: Array.from(standingBy, ([name, each]) => ({ name, ...each })).toSorted(byName),
    removed: Array.from(tombstones, ([name, at]) => ({ name, at })).toSorted(byName),
  };
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}
