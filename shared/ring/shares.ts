import type { Ring } from './ring.ts';

/**
 * @returns the part of all keys that each replica owns, from 0 to 1, in order of joining. It is exact for
 * keys whose hashes are spread evenly.
 */
export function sharesOf(ring: Ring): ReadonlyMap<string, number> {
  const { size, segments } = ring.hashSpace();
  const shares = new Map(ring.members.map(({ name }) => [name, 0]));
  let begin = 0;
  for (const { owner, end } of segments) {
    shares.set(owner, (shares.get(owner) ?? 0) + (end - begin));
    begin = end;
  }
  for (const [name, hashes] of shares) shares.set(name, hashes / size);
  return shares;
}

/**
 * @param after a ring with the same parameters.
 * @returns the part of all keys, from 0 to 1, that has another owner after a change. If one of the rings is
 * empty, that is all of them.
 */
export function movedShare(before: Ring, after: Ring): number {
  const [from, to] = [before.hashSpace(), after.hashSpace()];
  let moved = 0;
  let begin = 0;
  let [left, right] = [0, 0];
  while (begin < from.size) {
    const [old, now] = [from.segments[left], to.segments[right]];
    const end = Math.min(old?.end ?? from.size, now?.end ?? from.size);
    if (old?.owner !== now?.owner) moved += end - begin;
    if (old?.end === end) left += 1;
    if (now?.end === end) right += 1;
    begin = end;
  }
  return moved / from.size;
}
