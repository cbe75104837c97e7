import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import { placeOf } from '#shared/ring/member.ts';
import type { RingState } from '#shared/store/ring/ring-store.ts';
import type { Standing } from './rule.ts';

/** What is known of the replicas besides the ring. */
export interface ReplicaFacts {
  readonly paused: ReadonlySet<string>;
  readonly statusOf: (name: string) => ReplicaStatus | undefined;
}

type Members = Pick<RingState, 'desired' | 'ring' | 'drained' | 'restarts'>;

/** @returns the desired replicas that no operator has drained or paused, in the order of `/rep`. */
export function countedReplicas({ desired, drained }: Members, { paused }: ReplicaFacts): string[] {
  return desired
    .toSorted((a, b) => placeOf(a) - placeOf(b))
    .map(({ name }) => name)
    .filter((name) => !drained.has(name) && !paused.has(name));
}

/** @returns whether a replica owns keys and takes requests. One that sleeps does: a request wakes it. */
export function isServing(name: string, { ring }: Members, { statusOf }: ReplicaFacts): boolean {
  const state = statusOf(name)?.state;
  return ring.has(name) && (state === 'ready' || state === 'asleep');
}

/** @returns how many replicas there are, and which one would be removed: the last one in `/rep`. */
export function standingOf(state: Members, facts: ReplicaFacts, unchangedMs: number): Standing {
  const counted = countedReplicas(state, facts);
  const serving = counted.filter((name) => isServing(name, state, facts));
  // One whose worker is being replaced as an operator asked for stays.
  const last = counted.findLast((name) => !state.restarts.has(name));
  return {
    desired: state.desired.length,
    counted: counted.length,
    serving: serving.length,
    last: last === undefined ? undefined : { name: last, serving: serving.includes(last) },
    unchangedMs,
  };
}
