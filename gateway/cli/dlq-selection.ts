import type { DeadLetterSelection, RingpostClient } from '#shared/client/client.ts';

/**
 * A command that takes many letters, a thousand at a time, takes those that are there when it begins. Without
 * this bound it would redrive a request that fails again and again for ever.
 * @returns the filter with the time of the newest letter that matches as its end; undefined if none matches.
 */
export async function upToNewest(
  client: RingpostClient,
  filter: DeadLetterSelection,
): Promise<DeadLetterSelection | undefined> {
  const { all, ...query } = filter;
  for await (const newest of client.deadLetters(query)) {
    const { ended: until } = newest.times;
    return { ...query, ...(all === undefined ? {} : { all }), ...(until === null ? {} : { until }) };
  }
  return undefined;
}
