/**
 * Makes a failing sequence of decisions simpler: shorter, with more zeros, with lower numbers. So the
 * schedule has fewer faults, fewer requests and fewer departures from the natural order.
 * @param fails runs a sequence, and says whether it still fails in the same way.
 * @param mayGoOn whether there is time for another attempt.
 * @returns the simplest sequence that was found.
 */
export async function shrink(
  given: readonly number[],
  fails: (choices: readonly number[]) => Promise<boolean>,
  mayGoOn: () => boolean,
): Promise<readonly number[]> {
  let best = given;
  const attempt = async (candidate: readonly number[]): Promise<boolean> => {
    const trimmed = candidate.slice(0, candidate.findLastIndex((each) => each > 0) + 1);
    if (!isSimpler(trimmed, best) || !mayGoOn() || !(await fails(trimmed))) return false;
    best = trimmed;
    return true;
  };
  for (let before: readonly number[] = []; before !== best && mayGoOn();) {
    before = best;
    for (let size = best.length; size >= 1 && mayGoOn(); size = Math.floor(size / 2)) {
      for (let at = best.length - size; at >= 0; at -= size) {
        const [head, tail] = [best.slice(0, at), best.slice(at + size)];
        if (await attempt([...head, ...Array.from({ length: size }, () => 0), ...tail])) continue;
        await attempt([...head, ...tail]);
      }
    }
    for (let at = best.length - 1; at >= 0; at -= 1) {
      const value = best[at] ?? 0;
      for (const lower of new Set([1, Math.floor(value / 2), value - 1]))
        if (lower > 0 && lower < value && (await attempt(best.with(at, lower)))) break;
    }
  }
  return best;
}

/** Fewer decisions that are not 0; then a shorter sequence; then lower numbers. */
function isSimpler(one: readonly number[], other: readonly number[]): boolean {
  const [mine, theirs] = [weights(one), weights(other)];
  const at = mine.findIndex((each, index) => each !== theirs[index]);
  return at >= 0 && (mine[at] ?? 0) < (theirs[at] ?? 0);
}

function weights(choices: readonly number[]): readonly number[] {
  const made = choices.filter((each) => each > 0);
  return [made.length, choices.length, made.reduce((sum, each) => sum + each, 0)];
}

/** @returns what is alike in failures of one kind: ids and numbers are left out. */
export function kindOf(failure: string): string {
  return failure
    .replaceAll(/[\da-f]{8}-[\da-f-]{27}/g, 'ID')
    .replaceAll(/\([a-z-]+\)/g, '')
    .replaceAll(/\d+/g, 'N');
}
