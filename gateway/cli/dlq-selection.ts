import type { DeadLetterSelection, RingpostClient } from '#shared/client/client.ts';

/**
 * Limits a command that takes letters a thousand at a time to those that exist when it begins. A redriven
 * request that fails again is filed as a new letter; without this limit the command might never end.
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
