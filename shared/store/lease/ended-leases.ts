import { adopterOf, parseLease } from '../../contract/lease.ts';
import type { Lease } from '../../contract/lease.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { endLease } from '../scripts/leases.ts';
import { createRun } from '../scripts/script.ts';

/**
 * Ends the leases of a worker that has certainly ended, as its controller saw: its own, and those of the
 * queues that it had adopted. Then tells the other controllers.
 * @param recordMs how long its end is recorded for a leader that has not seen it, in ms; 0: it is not
 * recorded.
 * @returns the lease of the worker that serves the replica's queue instead, if there is one.
 */
export async function endLeasesOf(
  connection: Connection,
  worker: { readonly replica: string; readonly generation: number },
  recordMs: number,
): Promise<Lease | undefined> {
  const { replica, generation } = worker;
  const redis = redisOf(connection);
  const keys = keysOf(connection);
  const run = createRun(connection);
  const held = await run(endLease, { replica, holder: generation, recordMs });
  const holder = adopterOf(replica, generation);
  const queues = await redis.smembers(keys.offered);
  await Promise.all(queues.map((each) => run(endLease, { replica: each, holder, recordMs: 0 })));
  const lease = held ? null : await redis.get(keys.lease(replica));
  await redis.publish(keys.changes, `died ${replica}`);
  return lease === null ? undefined : parseLease(lease);
}
