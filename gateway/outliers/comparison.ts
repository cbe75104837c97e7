import type { AnswerCounts } from '#shared/contract/answer-counts.ts';
import { probeTimeoutMs } from './return.ts';

/** A replica whose answers fail while no other replica has had requests to compare them with. */
export interface Uncompared {
  readonly name: string;
  readonly generation: number;
}

/** A probe failed at one replica, and the same probe did not fail at another one. */
export interface Proof extends Uncompared {
  readonly other: string;
}

/** The same probe for two replicas. */
export interface ProbePair {
  readonly name: string;
  readonly other: string;
  readonly probe: number;
}

interface Asked extends Uncompared, ProbePair {
  /** When the answers have proven that it fails alone; undefined while one of them is missing. */
  readonly provenAt?: number;
}

/**
 * Finds out whether a replica fails alone if the others have no requests, since they are idle or sleep: both
 * the replica and another one are sent the same probe. All times are in ms.
 */
export class Comparison {
  readonly #intervalMs: number;
  #asked: Asked | undefined;
  #lastAt: number | undefined;
  #turn = 0;

  /** @param intervalMs after which two replicas are asked again. */
  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /**
   * @param uncompared the replica that fails; undefined if there is none.
   * @param others the replicas that could be compared with it, those that are awake first.
   * @param countsOf what a replica's worker has counted.
   * @param reportMs how long it may take until the result of a probe is known, from its end on.
   * @returns the probes that have to be sent now, and what earlier ones have proven.
   */
  next(
    uncompared: Uncompared | undefined,
    others: readonly string[],
    countsOf: (name: string) => AnswerCounts | undefined,
    now: number,
    reportMs: number,
  ): { readonly ask: ProbePair | undefined; readonly proof: Proof | undefined } {
    const asked = this.#judge(uncompared, countsOf, now, reportMs);
    this.#asked = asked;
    if (asked?.provenAt !== undefined) return { ask: undefined, proof: asked };
    const isEarly = this.#lastAt !== undefined && Math.abs(now - this.#lastAt) < this.#intervalMs;
    if (asked !== undefined || uncompared === undefined || isEarly)
      return { ask: undefined, proof: undefined };
    // The other one may be broken too. Then the next one is asked.
    const other = others[this.#turn % Math.max(1, others.length)];
    if (other === undefined) return { ask: undefined, proof: undefined };
    this.#turn += 1;
    this.#lastAt = now;
    this.#asked = { ...uncompared, other, probe: now };
    return { ask: this.#asked, proof: undefined };
  }

  /** @returns what is asked, or known, of the replica that fails; undefined if that is nothing any more. */
  #judge(
    uncompared: Uncompared | undefined,
    countsOf: (name: string) => AnswerCounts | undefined,
    now: number,
    reportMs: number,
  ): Asked | undefined {
    const asked = this.#asked;
    if (asked === undefined || uncompared === undefined) return undefined;
    if (asked.name !== uncompared.name || asked.generation !== uncompared.generation) return undefined;
    const { provenAt, probe } = asked;
    // A verdict needs some time to stand.
    if (provenAt !== undefined) return Math.abs(now - provenAt) < 3 * reportMs ? asked : undefined;
    const [own, other] = [countsOf(asked.name), countsOf(asked.other)];
    if (own?.probe === probe && other?.probe === probe) {
      return own.probeMs < 0 && other.probeMs >= 0 ? { ...asked, provenAt: now } : undefined;
    }
    return Math.abs(now - probe) < probeTimeoutMs + reportMs ? asked : undefined;
  }
}
