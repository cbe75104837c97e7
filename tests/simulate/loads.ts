import type { Random } from './random.ts';

/** A load over time. */
export interface Load {
  readonly name: string;
  readonly seconds: number;
  /** @returns requests per second at a time in seconds. */
  rate(at: number): number;
  /** @returns the part of the requests that have one key, from 0 to 1. */
  hotShare(at: number): number;
}

const seconds = 1800;
const none = (): number => 0;

/** @returns a load that does not change. */
export function steady(rate: number): Load {
  return { name: 'steady', seconds, rate: () => rate, hotShare: none };
}

/** A day of 24 hours in half an hour: from 20 to 200 requests per second and back. */
const wave: Load = {
  name: 'daily wave',
  seconds,
  rate: (at) => 110 - 90 * Math.cos((2 * Math.PI * at) / seconds),
  hotShare: none,
};

/** Five times as much for ten minutes. */
export const step: Load = {
  name: 'step',
  seconds,
  rate: (at) => (at >= 600 && at < 1200 ? 200 : 40),
  hotShare: none,
};

/** Ten times as much for 15 to 30 s, at random times. */
function bursts(random: Random): Load {
  const times: { readonly from: number; readonly until: number }[] = [];
  for (let from = 60 + random.below(120); from < seconds; from += 120 + random.below(360))
    times.push({ from, until: from + 15 + random.below(16) });
  const isBurst = (at: number): boolean => times.some(({ from, until }) => at >= from && at < until);
  return { name: 'bursts', seconds, rate: (at) => (isBurst(at) ? 300 : 30), hotShare: none };
}

/** Half of the requests have one key for ten minutes: more than its replica can run. */
export const hotKey: Load = {
  name: 'hot key',
  seconds,
  rate: () => 60,
  hotShare: (at) => (at >= 600 && at < 1200 ? 0.5 : 0),
};

/** @returns the five loads. Times of bursts are random. */
export function loads(random: Random): readonly Load[] {
  return [steady(80), wave, step, bursts(random), hotKey];
}
