/** Returns a number from 0 up to, but not including, 1. */
export type Random = () => number;

/** How a number below `count` is picked at random. */
export type Pick = (count: number, random: Random) => number;

const evenly: Pick = (count, random) => Math.floor(random() * count);

/**
 * The decisions of one schedule, as a sequence of small numbers. Everything that may differ between two
 * schedules is decided here, so the sequence replays the schedule. 0 is always the simplest decision: no
 * fault, no further request, the oldest step. So a sequence is simpler if it is shorter or its numbers are
 * lower.
 */
export class Choices {
  readonly #given: readonly number[];
  readonly #random: Random | undefined;
  readonly #made: number[] = [];

  /**
   * @param given the first decisions. A number that is too large becomes the largest possible one.
   * @param random makes the decisions after those; undefined: they are 0.
   */
  constructor(given: readonly number[], random?: Random) {
    this.#given = given;
    this.#random = random;
  }

  /** The decisions so far, without the zeros at the end. */
  get made(): readonly number[] {
    return this.#made.slice(0, this.#made.findLastIndex((each) => each > 0) + 1);
  }

  /** @returns a number from 0 to `count` - 1. Nothing is decided if `count` is 1. */
  draw(count: number, pick: Pick = evenly): number {
    if (count <= 1) return 0;
    const at = this.#made.length;
    const given = this.#given[at];
    const drawn =
      given ?? (this.#random === undefined || at < this.#given.length ? 0 : pick(count, this.#random));
    const made = Math.min(drawn, count - 1);
    this.#made.push(made);
    return made;
  }
}

/** @returns a pick that is 0 but for this share of the draws, which are even among the others. */
export function rarely(share: number): Pick {
  return (count, random) => (random() < share ? 1 + Math.floor(random() * (count - 1)) : 0);
}

/** @returns a generator of random numbers; the same numbers for the same seed (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
