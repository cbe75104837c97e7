interface Waiting<Item> {
  readonly item: Item;
  readonly done: () => void;
  readonly fail: (error: unknown) => void;
}

/** Turns of the event loop for which a batch waits at most. */
const mostTurns = 8;

/**
 * Sends what comes up together, what belongs together in one call. A batch goes out after the first turn of the event loop
 * that has brought nothing more for it: alone there is nothing to wait for, and under load the calls are few.
 */
export class Batches<Item> {
  readonly #most: number;
  readonly #send: (group: string, items: readonly Item[]) => Promise<void>;
  readonly #around: (sendAll: () => void) => void;
  #waiting = new Map<string, Waiting<Item>[]>();
  #count = 0;

  /**
   * @param most items in one call, so that Redis is not kept from others for long; Lua's `unpack` takes some thousands.
   * @param send sends those of one group.
   * @param around called with what sends all of them, which it has to call.
   */
  constructor(
    most: number,
    send: (group: string, items: readonly Item[]) => Promise<void>,
    around: (sendAll: () => void) => void = (sendAll) => sendAll(),
  ) {
    this.#most = most;
    this.#send = send;
    this.#around = around;
  }

  /** @returns once it is sent; rejects as the call does in which it travels. */
  add(group: string, item: Item): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = { item, done: resolve, fail: reject };
      if (this.#count === 0) this.#flushOnceQuiet(1, mostTurns);
      this.#count += 1;
      const others = this.#waiting.get(group);
      if (others === undefined) this.#waiting.set(group, [waiting]);
      else others.push(waiting);
    });
  }

  #flushOnceQuiet(count: number, turns: number): void {
    setImmediate(() => {
      if (this.#count === count || turns === 1) this.#around(() => this.#flush());
      else this.#flushOnceQuiet(this.#count, turns - 1);
    });
  }

  #flush(): void {
    // Another one, not the same one cleared: see slot-array.ts.
    const groups = this.#waiting;
    this.#waiting = new Map();
    this.#count = 0;
    for (const [group, all] of groups) {
      for (let at = 0; at < all.length; at += this.#most) {
        const some = all.slice(at, at + this.#most);
        const items = some.map(({ item }) => item);
        this.#send(group, items).then(
          () => some.forEach(({ done }) => done()),
          (error: unknown) => some.forEach(({ fail }) => fail(error)),
        );
      }
    }
  }
}
