import type { Rate } from '../../contract/rate.ts';
import { rateText } from '../../contract/rate.ts';
import { script } from './script.ts';

/** The limits that requests of one hash key have in common. */
export interface RateLimits {
  /** The digest of the hash key. */
  readonly digest: string;
  /** The limit of all requests of the key. */
  readonly all: Rate | undefined;
  /** The limit that these requests have asked for. Those that ask for the same one share it. */
  readonly own: Rate | undefined;
}

/** What one limit allows after requests were counted. */
export interface RateState {
  readonly rate: Rate;
  /** How many more requests it allows now. */
  readonly remaining: number;
  /** In how many seconds it allows a whole window of them. */
  readonly resetS: number;
  /** In how many seconds it allows the next one; 0: now. */
  readonly nextS: number;
}

export interface CountedRate {
  /** How many of the requests were counted; the others are refused. */
  readonly counted: number;
  readonly all: RateState | undefined;
  readonly own: RateState | undefined;
}

/** Counts as many requests as all their limits allow. */
export const countRate = script<{ readonly limits: RateLimits; readonly requests: number }, CountedRate>({
  file: 'count-rate',
  keys: (keys, { limits: { digest, own } }) => [
    keys.keyRate(digest),
    keys.keyRate(digest, own === undefined ? undefined : rateText(own)),
  ],
  args: ({ limits: { all, own }, requests }) => [requests, ...termsOf(all), ...termsOf(own)],
  decode: (reply, { limits: { all, own } }) => {
    // As the header of the Lua file says.
    const [counted = 0, ...figures] = reply as number[];
    const state = (rate: Rate | undefined): RateState | undefined => {
      if (rate === undefined) return undefined;
      const [remaining = 0, resetUs = 0, nextUs = 0] = figures.splice(0, 3);
      return { rate, remaining, resetS: seconds(resetUs), nextS: seconds(nextUs) };
    };
    return { counted, all: state(all), own: state(own) };
  },
});

function termsOf(rate: Rate | undefined): readonly [requests: number, windowUs: number] {
  return rate === undefined ? [0, 0] : [rate.requests, rate.windowS * 1_000_000];
}

function seconds(us: number): number {
  return Math.ceil(us / 1_000_000);
}
