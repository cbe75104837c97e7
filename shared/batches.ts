interface Waiting<Item> {
  readonly item: Item;
  readonly done: () => void;
  readonly fail: (error: unknown) => void;
}

/** Sends what comes up in one turn of the event loop together, what belongs together in one call. */
export class Batches<Item> {
  readonly #most: number;
  readonly #send: (group: string, items: readonly Item[]) => Promise<void>;
  readonly #around: (sendAll: () => void) => void;
  #waiting = new Map<string, Waiting<Item>[]>();

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
      if (this.#waiting.size === 0) setImmediate(() => this.#around(() => this.#flush()));
      const others = this.#waiting.get(group);
      if (others === undefined) this.#waiting.set(group, [waiting]);
      else others.push(waiting);
    });
  }

  #flush(): void {
    // Another one, not the same one cleared: see slot-array.ts.
    const groups = this.#waiting;
    this.#waiting = new Map();
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
