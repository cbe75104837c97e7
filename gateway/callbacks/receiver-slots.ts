/** Slots of all receivers together. */
const allSlots = 256;
/** A receiver that has a slot gets another one only if so many times as many slots are free as it then has. */
const freeForEach = 8;

/**
 * How much may be under way to each receiver of callbacks at once, so that those that do not answer leave slots to all
 * others. A receiver may have a share of what is free, and not of all: the more receivers hang, the fewer slots each of
 * them has. One receiver alone gets 28 slots, each of 16 gets about 10, and a receiver without a slot gets one while any is free.
 * Only receivers with slots are kept, so there are at most as many as slots.
 * @see Choudhury and Hahne, Dynamic Queue Length Thresholds for Shared-Memory Packet Switches (1998)
 */
export class ReceiverSlots {
  readonly #all: number;
  readonly #taken = new Map<string, number>();
  #free: number;

  constructor(all: number = allSlots) {
    this.#all = all;
    this.#free = all;
  }

  /** @returns the receivers that have slots. */
  get receivers(): Iterable<string> {
    return this.#taken.keys();
  }

  /** @returns how many more slots a receiver may take now. */
  room(receiver: string): number {
    const taken = this.#taken.get(receiver) ?? 0;
    // The last slot that it takes is free before it takes it.
    const most = Math.floor((this.#free + taken + 1) / (freeForEach + 1));
    const atLeast = taken === 0 && this.#free > 0 ? 1 : 0;
    return Math.max(most - taken, atLeast);
  }

  /**
   * @param slots a large message takes several.
   * @param had slots that the same message has already.
   * @returns how many are taken now; 0 if too few are free. A message that needs more than there are takes all.
   */
  take(receiver: string, slots = 1, had = 0): number {
    const taken = this.#taken.get(receiver) ?? 0;
    const enough = Math.min(slots, this.#all - had);
    if (taken === had ? enough > this.#free : enough > this.room(receiver)) return 0;
    this.#taken.set(receiver, taken + enough);
    this.#free -= enough;
    return enough;
  }

  /** @param slots as `take` has returned. */
  release(receiver: string, slots: number): void {
    const left = (this.#taken.get(receiver) ?? 0) - slots;
    this.#free += slots;
    if (left > 0) this.#taken.set(receiver, left);
    else this.#taken.delete(receiver);
  }
}
