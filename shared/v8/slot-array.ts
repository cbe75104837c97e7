/**
 * Values that come and go all the time, each under a number that is given again once it is free.
 *
 * A `Map` or a `Set` is the wrong place for them. V8 gives it a new table each time that many entries were deleted; the
 * old one keeps the entries of that moment, and points to the new one. Once such a table has grown old, the garbage
 * collector takes all tables after it for alive, and so a good part of all that ever was in them, until it looks through
 * the whole heap: measured, 4 KB for each request of a gateway, a fifth of its processor time.
 */
export class SlotArray<Value extends object> {
  readonly #values: (Value | undefined)[] = [];
  readonly #free: number[] = [];

  /** @returns the number of the value, while it is there. */
  add(value: Value): number {
    const slot = this.#free.pop() ?? this.#values.length;
    this.#values[slot] = value;
    return slot;
  }

  get(slot: number): Value | undefined {
    return this.#values[slot];
  }

  /** @param slot of a value that is there. */
  remove(slot: number): void {
    this.#values[slot] = undefined;
    this.#free.push(slot);
  }

  values(): Value[] {
    return this.#values.filter((value) => value !== undefined);
  }
}

/** Buckets for each value, about: few values share one. */
const spread = 2;

interface Entry<Value> {
  readonly key: string;
  readonly value: Value;
}

/**
 * A map of strings for values that come and go all the time. It has no `Map` in it, whose tables would keep the strings:
 * V8 makes of each string that a `Map` is asked for one that it has only once, which costs more than all the rest.
 */
export class SlotMap<Value extends object> {
  readonly #entries = new SlotArray<Entry<Value>>();
  /** Numbers of entries, by hash of the key. */
  #buckets: number[][] = [[]];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): Value | undefined {
    return this.#find(key)?.value;
  }

  has(key: string): boolean {
    return this.#find(key) !== undefined;
  }

  /** @param key that is not there. */
  add(key: string, value: Value): void {
    this.#size += 1;
    if (this.#size > this.#buckets.length * spread) this.#grow();
    this.#bucketOf(key).push(this.#entries.add({ key, value }));
  }

  /** @returns the value that was there. */
  take(key: string): Value | undefined {
    const bucket = this.#bucketOf(key);
    const at = bucket.findIndex((slot) => this.#entries.get(slot)?.key === key);
    const slot = bucket[at];
    if (slot === undefined) return undefined;
    const value = this.#entries.get(slot)?.value;
    bucket.splice(at, 1);
    this.#entries.remove(slot);
    this.#size -= 1;
    return value;
  }

  /** In no order. */
  keys(): string[] {
    return this.#entries.values().map(({ key }) => key);
  }

  /** In no order. */
  values(): Value[] {
    return this.#entries.values().map(({ value }) => value);
  }

  #find(key: string): Entry<Value> | undefined {
    for (const slot of this.#bucketOf(key)) {
      const entry = this.#entries.get(slot);
      if (entry?.key === key) return entry;
    }
    return undefined;
  }

  #bucketOf(key: string): number[] {
    return this.#buckets[hashOf(key) & (this.#buckets.length - 1)]!;
  }

  #grow(): void {
    const old = this.#buckets;
    this.#buckets = Array.from({ length: old.length * 2 }, () => []);
    for (const slot of old.flat()) this.#bucketOf(this.#entries.get(slot)!.key).push(slot);
  }
}

function hashOf(key: string): number {
  let hash = 0;
  for (let at = 0; at < key.length; at += 1) hash = (Math.imul(hash, 31) + key.charCodeAt(at)) | 0;
  return hash;
}
