import type { DeadLetterSummary } from '#shared/contract/dead-letter.ts';
import type { DeadLetterCountsView, DeadLetterPreviewView } from '#shared/contract/api/requests.ts';
import type { DeadLetterFilter, DeadLetters } from '#shared/store/records/dead-letters.ts';

/** How many letters are read to count them by code and replica. */
const maxCounted = 2000;
/** How many letters of a preview are checked for what they lack. */
const maxChecked = 100;

type Tally = Pick<DeadLetterCountsView, 'byCode' | 'byReplica'>;

/** Counts all letters; by code and replica only the latest. */
export async function countLetters(letters: DeadLetters): Promise<DeadLetterCountsView> {
  const page = await letters.page({}, maxCounted);
  const counted = page.letters.length;
  const count = page.next === undefined ? counted : await letters.count();
  return { count: Math.max(count, counted), counted, ...tally(page.letters) };
}

/**
 * Tells what a call that redrives or deletes letters would do.
 * @param limit how many letters such a call takes.
 */
export async function previewLetters(
  letters: DeadLetters,
  filter: DeadLetterFilter,
  limit: number,
): Promise<DeadLetterPreviewView> {
  const { letters: found, next } = await letters.page(filter, limit);
  const checked = found.slice(0, maxChecked);
  let incomplete = 0;
  // One after the other, because a letter's request may be large.
  for (const { id } of checked) if (await letters.isIncomplete(id)) incomplete += 1;
  const more = next !== undefined;
  return { count: found.length, more, ...tally(found), incomplete, checked: checked.length };
}

/** @returns counts by code and by replica, the largest first. */
function tally(letters: readonly DeadLetterSummary[]): Tally {
  return {
    byCode: countsOf(letters.map(({ code }) => code)).map(([code, count]) => ({ code, count })),
    byReplica: countsOf(letters.map(({ replica }) => replica)).map(([replica, count]) => ({
      replica,
      count,
    })),
  };
}

function countsOf(values: readonly string[]): (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].toSorted(([, one], [, other]) => other - one);
}
