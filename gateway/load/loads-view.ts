import type { KeyLoadsView, LoadCandidateView } from '#shared/contract/ring-view.ts';
import type { Affinity } from '../request/directives.ts';
import { capOf, totalOf, walk } from './bounded-load.ts';
import type { Reason, ReplicaLoad } from './bounded-load.ts';

/**
 * Explains where the requests of a key go. Pure.
 * @param replicas the key's owner, then the other replicas in the order of the walk.
 * @returns undefined if there is no replica.
 */
export function loadsView(
  replicas: readonly ReplicaLoad[],
  affinity: Affinity,
  bound: number,
): KeyLoadsView | undefined {
  const total = totalOf(replicas);
  const byName = new Map(replicas.map((replica) => [replica.name, replica]));
  const walked = walk(byName.keys(), (name) => byName.get(name), total, bound);
  if (walked.replica === undefined) return undefined;
  const reasons = new Map(walked.candidates.map(({ name, reason }) => [name, reason]));
  return {
    affinity,
    bound,
    load: total.load,
    takenBy: walked.replica,
    candidates: replicas.map((replica): LoadCandidateView => {
      const { name, load, concurrency } = replica;
      // A share is a number of tenths.
      const weight = Math.round(replica.weight * 10) / 10;
      const cap = capOf(replica, total, bound);
      const isTaken = name === walked.replica;
      const why = words(reasons.get(name), load, cap);
      return { name, weight, concurrency, load, cap, outcome: outcomeOf(isTaken, reasons.has(name)), why };
    }),
  };
}

function outcomeOf(isTaken: boolean, isAsked: boolean): LoadCandidateView['outcome'] {
  if (isTaken) return 'taken';
  return isAsked ? 'passed' : 'not asked';
}

function words(reason: Reason | undefined, load: number, cap: number): string {
  const has = `It has ${load === 1 ? '1 request' : `${load} requests`}`;
  switch (reason) {
    case 'below cap':
      return `${has}, below its cap of ${cap}.`;
    case 'at cap':
      return `${has}, and its cap is ${cap}.`;
    case 'queue full':
      return 'Its queue is full (QUEUE_LIMIT).';
    case 'all at cap':
      return `${has}, and its cap is ${cap}; but no replica with room is below its cap, so the first of them \
takes the request.`;
    case undefined:
      return `${has}, and its cap is ${cap}; a replica before it takes the request.`;
    default:
      return reason satisfies never;
  }
}
