import { readCallbackDepths } from '../callbacks/callback-depths.ts';
import type { Connection } from '../redis/connection.ts';
import { countDeadLetters } from './dead-letter-count.ts';

/** How many messages and requests are left over. */
export interface LeftOver {
  readonly deadLetters: number;
  /** Callbacks that are not delivered yet, also those of requests that have not ended. */
  readonly callbacks: number;
}

/** Counts the dead letters, and the callbacks that are not delivered yet: one round trip. */
export async function countLeftOver(connection: Connection): Promise<LeftOver> {
  const [deadLetters, { waiting, active, delayed }] = await Promise.all([
    countDeadLetters(connection),
    readCallbackDepths(connection),
  ]);
  return { deadLetters, callbacks: waiting + active + delayed };
}
