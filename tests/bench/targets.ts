import type { Summary } from './numbers.ts';
import { ratiosOf } from './ratios.ts';
import type { Sample } from './sample.ts';
import type { RequestName } from './workload/requests.ts';

/** What ringpost's rate divided by that of another system in the same round has to be at least. */
export interface Target {
  readonly request: RequestName;
  readonly connections: number;
  readonly against: string;
  readonly atLeast: number;
}

/** The targets of one peer, by number of connections. */
function targetsFor(
  request: RequestName,
  against: string,
  ratios: Readonly<Record<number, number>>,
): Target[] {
  return Object.entries(ratios).map(([connections, atLeast]) => ({
    request,
    connections: Number(connections),
    against,
    atLeast,
  }));
}

const toBrokers = { 1: 1, 16: 1.2, 64: 1.3 };

export const targets: readonly Target[] = [
  ...targetsFor('post', 'bee-queue', { 1: 0.9, 16: 1, 64: 1.1 }),
  ...targetsFor('post', 'rabbitmq', toBrokers),
  ...targetsFor('post', 'jetstream', toBrokers),
  ...targetsFor('post', 'textbook', { 1: 2, 16: 2.5, 64: 3.5 }),
  ...targetsFor('post-256k', 'fastify-undici', { 16: 0.5 }),
  ...targetsFor('get', 'bee-queue', { 64: 1, 256: 1 }),
];

export interface Reached {
  readonly target: Target;
  readonly ratio: Summary;
  readonly met: boolean;
}

/**
 * @param ours name of the system that has the targets
 * @returns what was measured for each target, the missed ones first. A sample with faults does not count.
 */
export function reached(samples: readonly Sample[], ours: string): Reached[] {
  const right = samples.filter(({ faults }) => faults.length === 0);
  return targets
    .flatMap((target) => {
      const own = right.filter(({ request }) => request === target.request);
      const ratio = ratiosOf(own, ours).get(target.against)?.rate.get(target.connections);
      return ratio === undefined ? [] : [{ target, ratio, met: ratio.median >= target.atLeast }];
    })
    .toSorted((a, b) => Number(a.met) - Number(b.met));
}
