import { SlotMap } from '../../v8/slot-array.ts';

/** What goes out in one call; all who wait for it wait for the same promise. */
interface Batch<Item> {
  readonly items: Item[];
  readonly sent: PromiseWithResolvers<void>;
}

interface Group<Item> {
  readonly name: string;
  readonly waiting: Batch<Item>[];
  underWay: boolean;
}

/** Turns of the event loop for which a batch waits at most. */
const mostTurns = 8;
/** After so many items that came alone the next one is not waited with. */
export const oftenAlone = 8;

/**
 * Sends what comes up together, what belongs together in one call. A batch goes out after the first turn of the event loop
 * that has brought nothing more, and not before the call of its group is answered that was sent last: the slower the answers
 * are, the fewer are the calls. Where items have long come one by one, each after the answer to the one before, they go out at once.
 */
export class Batches<Item> {
  readonly #most: number;
  readonly #send: (group: string, items: readonly Item[]) => Promise<void>;
  readonly #groups = new SlotMap<Group<Item>>();
  #added = 0;
  /** Of {@link #added}, when batches went out last. */
  #flushed = 0;
  #callsUnderWay = 0;
  /** How many times in succession one item alone went out, and no call was under way. */
  #alone = 0;
  #flushing = false;

  /**
   * @param most items in one call, so that Redis is not kept from others for long; Lua's `unpack` takes some thousands.
   * @param send sends those of one group.
   */
  constructor(most: number, send: (group: string, items: readonly Item[]) => Promise<void>) {
    this.#most = most;
    this.#send = send;
  }

  /** @returns once it is sent; rejects as the call does in which it travels. */
  add(name: string, item: Item): Promise<void> {
    const { waiting } = this.#group(name);
    let batch = waiting.at(-1);
    if (batch === undefined || batch.items.length === this.#most) {
      batch = { items: [], sent: Promise.withResolvers() };
      waiting.push(batch);
    }
    batch.items.push(item);
    this.#added += 1;
    this.#flushSoon();
    return batch.sent.promise;
  }

  #group(name: string): Group<Item> {
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = { name, waiting: [], underWay: false };
      this.#groups.add(name, group);
    }
    return group;
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    if (this.#alone >= oftenAlone && this.#callsUnderWay === 0) this.#flush();
    else this.#flushOnceQuiet(this.#added, mostTurns);
  }

  #flushOnceQuiet(added: number, turns: number): void {
    setImmediate(() => {
      if (this.#added === added || turns === 1) this.#flush();
      else this.#flushOnceQuiet(this.#added, turns - 1);
    });
  }

  #flush(): void {
    this.#flushing = false;
    this.#alone = this.#added - this.#flushed === 1 && this.#callsUnderWay === 0 ? this.#alone + 1 : 0;
    this.#flushed = this.#added;
    for (const group of this.#groups.values()) if (!group.underWay) void this.#sendSome(group);
  }

  /** Never rejects. */
  async #sendSome(group: Group<Item>): Promise<void> {
    const batch = group.waiting.shift();
    if (batch === undefined) return;
    group.underWay = true;
    this.#callsUnderWay += 1;
    try {
      await this.#send(group.name, batch.items);
      batch.sent.resolve();
    } catch (error) {
      batch.sent.reject(error);
    }
    group.underWay = false;
    this.#callsUnderWay -= 1;
    if (group.waiting.length > 0) this.#flushSoon();
    else this.#groups.take(group.name);
  }
}
