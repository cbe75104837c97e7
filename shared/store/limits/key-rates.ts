import type { Logger } from '../../process/logger.ts';
import { rateText } from '../../contract/rate.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf } from '../redis/access.ts';
import { Batches } from '../redis/batches.ts';
import type { Connection } from '../redis/connection.ts';
import { KeyRepair } from '../repair/key-repair.ts';
import { countRate } from '../scripts/limits.ts';
import type { CountedRate, RateLimits, RateState } from '../scripts/limits.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';

export type { RateLimits } from '../scripts/limits.ts';

/** What became of one request. */
export interface Counted {
  readonly isAllowed: boolean;
  /** The states of its limits after it: that of all requests, and that which it asked for. */
  readonly all: RateState | undefined;
  readonly own: RateState | undefined;
}

/** A request that is to be counted. Its result is set before its call is answered. */
interface Waiting {
  readonly limits: RateLimits;
  result: Counted | undefined;
}

/** How many requests one call counts at most. */
const maxRequests = 10_000;

/** Counts the requests of hash keys under their rates, for all gateways together. */
export class KeyRates {
  readonly #run: Run;
  readonly #keys: Keys;
  readonly #repair: KeyRepair;
  readonly #batches: Batches<Waiting>;

  /** @param connection a fail-fast connection that others may share. */
  constructor(connection: Connection, log: Logger) {
    this.#run = createRun(connection);
    this.#keys = keysOf(connection);
    this.#repair = new KeyRepair(connection, log);
    this.#batches = new Batches(maxRequests, (_, requests) => this.#count(requests));
  }

  /** Counts a request. Those with the same limits that come at about the same time travel in one call. */
  async count(limits: RateLimits): Promise<Counted> {
    const { digest, own } = limits;
    const request: Waiting = { limits, result: undefined };
    await this.#batches.add(own === undefined ? digest : `${digest} ${rateText(own)}`, request);
    if (request.result === undefined) throw new TypeError('a call has left out a request');
    return request.result;
  }

  async #count(requests: readonly Waiting[]): Promise<void> {
    const [first] = requests;
    if (first === undefined) return;
    const { limits } = first;
    const call = { limits, requests: requests.length };
    const answer = await this.#repair.withRepair(
      () => this.#run(countRate, call),
      () => countRate.keys(this.#keys, call).map((key) => ({ key, type: 'string' as const })),
    );
    for (const [at, request] of requests.entries()) request.result = resultOf(answer, at);
  }
}

/** @param at the place of the request among those of its call; the first ones are allowed. */
function resultOf({ counted, all, own }: CountedRate, at: number): Counted {
  const later = Math.max(0, counted - 1 - at);
  return { isAllowed: at < counted, all: before(all, later), own: before(own, later) };
}

/** @returns a state as it was before so many more requests. */
function before(state: RateState | undefined, later: number): RateState | undefined {
  if (state === undefined || later === 0) return state;
  const { rate, remaining, resetS } = state;
  const earlier = Math.floor((later * rate.windowS) / rate.requests);
  return { rate, remaining: remaining + later, resetS: Math.max(0, resetS - earlier), nextS: 0 };
}
