import { parseJob } from '../../contract/job.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';

/** How many jobs are looked at, and how many of them at once: their data may be large. */
const maxJobs = 200;
const jobsAtOnce = 20;

/** Keys whose ordered requests are in a queue. */
export interface QueueLines {
  readonly lines: number;
  /** Whether the queue holds more jobs than were looked at. */
  readonly isLowerBound: boolean;
}

/** @returns how many lines of ordered requests have a job in a replica's queue, among its oldest jobs. */
export async function countLines(connection: Connection, replica: string): Promise<QueueLines> {
  const redis = redisOf(connection);
  const keys = keysOf(connection);
  const { wait, active, prioritized, delayed } = keys.unfinished(replica);
  const listed = await Promise.all([
    redis.lrange(active, -maxJobs, -1),
    redis.smembers(keys.streams(replica)),
    redis.lrange(wait, -maxJobs, -1),
    redis.zrange(prioritized, 0, String(maxJobs - 1)),
    redis.zrange(delayed, 0, String(maxJobs - 1)),
  ]);
  const ids = listed.flat();
  const looked = ids.slice(0, maxJobs);
  const orders = new Set<string>();
  for (let at = 0; at < looked.length; at += jobsAtOnce) {
    const some = looked.slice(at, at + jobsAtOnce);
    // A few at a time, because a job's data may be large.
    // oxlint-disable-next-line no-await-in-loop
    const texts = await Promise.all(some.map((id) => redis.hget(keys.job(replica, id), 'data')));
    for (const text of texts) {
      const order = text === null ? undefined : parseJob(text)?.order;
      if (order !== undefined) orders.add(order);
    }
  }
  return { lines: orders.size, isLowerBound: ids.length > maxJobs };
}
