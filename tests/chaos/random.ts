/** Pseudo-random numbers. The same seed gives the same numbers. */
export interface Random {
  /** At least 0 and below 1. */
  next(): number;
  /** An integer from `min` to `max`, both included. */
  between(min: number, max: number): number;
  /** One element. @throws RangeError if the list is empty. */
  pick<T>(list: readonly T[]): T;
}

/**
 * The generator mulberry32 (Tommy Ettinger, public domain). Its 32 bits of state suffice to choose faults.
 * @param seed any integer; only its lowest 32 bits are used.
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d_2b_79_f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  return {
    next,
    between,
    pick: <T>(list: readonly T[]): T => {
      if (list.length === 0) throw new RangeError('there is nothing to pick from');
      return list[between(0, list.length - 1)] as T; // the index is within the list
    },
  };
}
