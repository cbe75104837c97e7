import type { Redis } from '../redis/access.ts';
import { replicaOf } from '../../contract/request-id.ts';
import type { Keys } from '../keys/keys.ts';
import { scriptsOn } from '../scripts/load.ts';

/** Keys that Redis looks at in one step. */
const scanned = 1000;

/**
 * Puts the jobs of a queue back into it that are in no list of it, since such a list was moved aside. It looks through all
 * keys of Redis, some at a time.
 * @param queue its name in BullMQ.
 * @returns how many there were.
 */
export async function relistJobs(redis: Redis, keys: Keys, queue: string): Promise<number> {
  const prefix = keys.bullMq(queue, '');
  const lists = ['wait', 'active', 'prioritized', 'delayed', 'marker'].map((part) => prefix + part);
  const pattern = `${prefix.replaceAll(/[\\*?[\]]/g, String.raw`\$&`)}*`;
  let count = 0;
  for (let cursor = '0'; ;) {
    const [next, found] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', scanned);
    const ids = found.map((key) => key.slice(prefix.length)).filter((id) => replicaOf(id) !== undefined);
    for (const id of ids) {
      if ((await scriptsOn(redis)('relist-job', prefix + id, ...lists, id)) === 1) count += 1;
    }
    cursor = next;
    if (cursor === '0') return count;
  }
}
