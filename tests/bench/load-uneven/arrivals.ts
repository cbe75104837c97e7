import { seededRandom } from '../../chaos/random.ts';
import { burstMs, keyCount, servers, slots } from './plan.ts';
import type { LoadPlan, LoadShape } from './plan.ts';

/** One request that is to be sent. */
export interface Arrival {
  /** When it is to be sent, in ms from the beginning. */
  readonly atMs: number;
  /** The number of its key, from 1. */
  readonly key: number;
  /** How long the server works on it, in ms. */
  readonly workMs: number;
}

/**
 * @returns requests as they arrive from many clients that know nothing of each other: a Poisson process. The
 * same seed gives the same requests, for each system.
 */
export function arrivals(
  shape: LoadShape,
  serviceMs: number,
  { seconds, work }: Pick<LoadPlan, 'seconds' | 'work'>,
  seed: number,
): Arrival[] {
  const random = seededRandom(seed);
  const exponential = (mean: number): number => -mean * Math.log(1 - random.next());
  const pickKey = keyPicker(shape.weight, () => random.next());
  const gapMs = serviceMs / (servers * slots * shape.share);
  const endMs = seconds * 1000;
  const burstFrom = endMs / 3;
  const found: Arrival[] = [];
  for (let atMs = exponential(gapMs); atMs < endMs;) {
    found.push({ atMs, key: pickKey(), workMs: work === 'fixed' ? serviceMs : exponential(serviceMs) });
    const inBurst = atMs >= burstFrom && atMs < burstFrom + burstMs;
    atMs += exponential(inBurst ? gapMs / (shape.burst ?? 1) : gapMs);
  }
  return found;
}

/** @returns a function that picks keys from 1 with the weights. */
function keyPicker(weight: LoadShape['weight'], next: () => number): () => number {
  let sum = 0;
  const sums = Float64Array.from({ length: keyCount }, (_, at) => (sum += weight(at + 1)));
  return () => {
    const wanted = next() * sum;
    let [low, high] = [0, keyCount - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? sum) > wanted) high = middle;
      else low = middle + 1;
    }
    return low + 1;
  };
}

/** @returns how much of its capacity each server is asked for, if each key is answered by its owner. */
export function demand(
  requests: readonly Arrival[],
  ownerOf: (key: number) => number,
  { seconds, slowdown = 1 }: { readonly seconds: number; readonly slowdown?: number | undefined },
): number[] {
  const work = Array.from({ length: servers }, () => 0);
  for (const { key, workMs } of requests) {
    const owner = ownerOf(key);
    work[owner] = (work[owner] ?? 0) + workMs * (owner === 0 ? slowdown : 1);
  }
  return work.map((ms) => ms / (seconds * 1000 * slots));
}
