import { redisOf } from './access.ts';
import type { Connection } from './connection.ts';

/** Keys of one command. More would hold up the commands of other processes for too long. */
const maxKeys = 256;

/** @returns parts of a list that are short enough for one command. */
export function* partsOf<Item>(items: readonly Item[]): Generator<readonly Item[], void, undefined> {
  for (let at = 0; at < items.length; at += maxKeys) yield items.slice(at, at + maxKeys);
}

/**
 * Reads many strings in one round trip, with one command for 256 of them.
 * @returns the texts in the order of the keys; null for a key that is not there or has another type.
 */
export async function textsOrNull(
  connection: Connection,
  keys: readonly string[],
): Promise<readonly (string | null)[]> {
  const redis = redisOf(connection);
  return (await Promise.all(Array.from(partsOf(keys), (part) => redis.mget([...part])))).flat();
}

/**
 * The same, but for callers that must not take a key of another type for one that is not there. If the number
 * of keys that exist is not that of the texts, each missing one is read by itself.
 * @throws the error of Redis if a key has another type.
 */
export async function texts(
  connection: Connection,
  keys: readonly string[],
): Promise<readonly (string | null)[]> {
  const redis = redisOf(connection);
  const parts = await Promise.all(
    Array.from(partsOf(keys), async (part) => {
      const [found, count] = await Promise.all([redis.mget([...part]), redis.exists([...part])]);
      if (count === found.filter((text) => text !== null).length) return found;
      return Promise.all(found.map(async (text, at) => text ?? redis.get(part[at] ?? '')));
    }),
  );
  return parts.flat();
}
