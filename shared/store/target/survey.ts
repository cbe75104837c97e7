import type { Address } from '../../process/redis-url.ts';

/** What sentinels, or nodes of a Cluster, say about a master. */
export interface Survey {
  readonly master: Address;
  /** Raised by each failover: of two answers the one with the higher epoch is newer. */
  readonly epoch: number;
  /** How many replicas may become the master if this one fails. */
  readonly replicas: number;
  /** Other servers that can be asked the next time. */
  readonly others: readonly Address[];
}

/** An answer that is none: why a server cannot say which master it is. */
export class SurveyError extends Error {
  override readonly name = 'SurveyError';
}

/** Asks one server. */
export type Ask = (address: Address) => Promise<Survey>;

/**
 * @param answers of servers that were asked at the same time, in any order.
 * @returns the newest of them. Of its replicas the greatest number counts: a server that is cut off sees
 * fewer.
 */
export function newest(answers: readonly Survey[]): Survey | undefined {
  let best: Survey | undefined;
  for (const answer of answers) if (best === undefined || answer.epoch > best.epoch) best = answer;
  if (best === undefined) return undefined;
  const { epoch } = best;
  const replicas = Math.max(...answers.filter((each) => each.epoch === epoch).map((each) => each.replicas));
  return { ...best, replicas };
}
