/** Random numbers that follow from a seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** @returns a number from 0 that is less than 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** @returns a number from 0 that is less than `count`. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  /** @returns an exponentially distributed number. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next());
  }

  /** @returns how many events happen, if so many are expected (Knuth's method, for small numbers). */
  poisson(expected: number): number {
    const limit = Math.exp(-expected);
    let count = 0;
    for (let product = this.next(); product > limit; product *= this.next()) count += 1;
    return count;
  }
}
