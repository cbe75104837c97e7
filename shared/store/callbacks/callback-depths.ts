import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';

/** Callbacks that are not delivered yet, by state. */
export interface CallbackDepths {
  /** They are due, and a gateway will take them. */
  readonly waiting: number;
  /** Gateways are sending them. */
  readonly active: number;
  /** Their requests have not ended, their receivers have no free slot, or they are tried again later. */
  readonly delayed: number;
}

/** Reads how many callbacks are not delivered yet. */
export async function readCallbackDepths(connection: Connection): Promise<CallbackDepths> {
  const redis = redisOf(connection);
  const keys = keysOf(connection);
  const of = (part: string): string => keys.bullMq(keys.callbacks, part);
  const [waiting, active, delayed] = await Promise.all([
    redis.llen(of('wait')),
    redis.llen(of('active')),
    redis.zcard(of('delayed')),
  ]);
  return { waiting, active, delayed };
}
