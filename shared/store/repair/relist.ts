import { replicaOf } from '../../contract/request-id.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { relistJob } from '../scripts/aside.ts';
import { createRun } from '../scripts/script.ts';

/** How many keys Redis checks in one step of the scan. */
const keysPerScan = 1000;

/**
 * Puts jobs back into their queue that are in none of its lists, since a list was moved aside. It scans all
 * keys of Redis in steps.
 * @param queue the name of the queue in BullMQ.
 * @returns how many jobs were put back.
 */
export async function relistJobs(connection: Connection, queue: string): Promise<number> {
  const redis = redisOf(connection);
  const run = createRun(connection);
  const prefix = keysOf(connection).bullMq(queue, '');
  const pattern = `${prefix.replaceAll(/[\\*?[\]]/g, String.raw`\$&`)}*`;
  let count = 0;
  for (let cursor = '0'; ;) {
    const [next, found] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', keysPerScan);
    const ids = found.map((key) => key.slice(prefix.length)).filter((id) => replicaOf(id) !== undefined);
    for (const id of ids) if (await run(relistJob, { queue, id })) count += 1;
    cursor = next;
    if (cursor === '0') return count;
  }
}
