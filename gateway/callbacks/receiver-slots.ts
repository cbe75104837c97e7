/** Slots of all receivers together. */
const totalSlots = 256;
/** A receiver with slots gets another one only if this many times as many slots are free as it then has. */
const freePerTaken = 8;

/**
 * Limits how many messages are sent to each receiver of callbacks at once, so that receivers that do not
 * answer leave slots to others. A receiver may have a share of the free slots, not of all: the more receivers
 * hang, the fewer slots each of them has. One receiver alone gets 28 slots, each of 16 gets about 10, and a
 * receiver without a slot gets one while any is free. Only receivers with slots are kept in memory.
 * @see Choudhury and Hahne, Dynamic Queue Length Thresholds for Shared-Memory Packet Switches (1998)
 */
export class ReceiverSlots {
  readonly #total: number;
  readonly #taken = new Map<string, number>();
  #free: number;

  constructor(total: number = totalSlots) {
    this.#total = total;
    this.#free = total;
  }

  /** The receivers that have slots. */
  get receivers(): Iterable<string> {
    return this.#taken.keys();
  }

  /** @returns how many more slots a receiver may take now. */
  room(receiver: string): number {
    const taken = this.#taken.get(receiver) ?? 0;
    // The slot that it takes last still counts as free.
    const max = Math.floor((this.#free + taken + 1) / (freePerTaken + 1));
    const min = taken === 0 && this.#free > 0 ? 1 : 0;
    return Math.max(max - taken, min);
  }

  /**
   * Takes slots for a message.
   * @param slots a large message takes several.
   * @param had slots that the same message has already.
   * @returns how many it has taken; 0 if too few are free. A message that needs more slots than exist takes
   * all.
   */
  take(receiver: string, slots = 1, had = 0): number {
    const taken = this.#taken.get(receiver) ?? 0;
    const needed = Math.min(slots, this.#total - had);
    if (taken === had ? needed > this.#free : needed > this.room(receiver)) return 0;
    this.#taken.set(receiver, taken + needed);
    this.#free -= needed;
    return needed;
  }

  /** Releases slots. @param slots as `take` has returned. */
  release(receiver: string, slots: number): void {
    const left = (this.#taken.get(receiver) ?? 0) - slots;
    this.#free += slots;
    if (left > 0) this.#taken.set(receiver, left);
    else this.#taken.delete(receiver);
  }
}
