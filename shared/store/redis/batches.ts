import { SlotMap } from '../../v8/slot-array.ts';

/** The items of one call. All callers that added one wait for the same promise. */
interface Batch<Item> {
  readonly items: Item[];
  readonly sent: PromiseWithResolvers<void>;
}

interface Group<Item> {
  readonly name: string;
  readonly waiting: Batch<Item>[];
  underWay: boolean;
}

/** How many turns of the event loop a batch waits at most. */
const maxTurns = 8;
/** After this many single-item batches in a row, send at once. */
export const singlesBeforeImmediateSend = 8;

/**
 * Groups items into one call per group. A batch is sent after the first turn of the event loop in which
 * nothing is added, and not before the last call of its group is answered: the slower the answers, the fewer
 * the calls. If items have been added one by one for some time, each after the answer to the one before, they
 * are sent at once.
 */
export class Batches<Item> {
  readonly #maxItems: number;
  readonly #send: (group: string, items: readonly Item[]) => Promise<void>;
  readonly #groups = new SlotMap<Group<Item>>();
  #added = 0;
  /** The value of {@link #added} when batches were sent last. */
  #flushed = 0;
  #callsUnderWay = 0;
  /** How many times in a row a single item was sent while no call was in progress. */
  #singlesInARow = 0;
  #flushing = false;

  /**
   * @param maxItems in one call, so that Redis is not kept from others for long; Lua's `unpack` takes some
   * thousands.
   * @param send sends the items of one group.
   */
  constructor(maxItems: number, send: (group: string, items: readonly Item[]) => Promise<void>) {
    this.#maxItems = maxItems;
    this.#send = send;
  }

  /** @returns once the item is sent; rejects if its call does. */
  add(name: string, item: Item): Promise<void> {
    const { waiting } = this.#group(name);
    let batch = waiting.at(-1);
    if (batch === undefined || batch.items.length === this.#maxItems) {
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
    if (this.#singlesInARow >= singlesBeforeImmediateSend && this.#callsUnderWay === 0) this.#flush();
    else this.#flushOnceIdle(this.#added, maxTurns);
  }

  #flushOnceIdle(added: number, turns: number): void {
    setImmediate(() => {
      if (this.#added === added || turns === 1) this.#flush();
      else this.#flushOnceIdle(this.#added, turns - 1);
    });
  }

  #flush(): void {
    this.#flushing = false;
    this.#singlesInARow =
      this.#added - this.#flushed === 1 && this.#callsUnderWay === 0 ? this.#singlesInARow + 1 : 0;
    this.#flushed = this.#added;
    for (const group of this.#groups.values()) if (!group.underWay) void this.#sendNext(group);
  }

  /** Never rejects. */
  async #sendNext(group: Group<Item>): Promise<void> {
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
