/**
 * Stores values that come and go with requests, each under a number that is used again once it is free. It
 * replaces a `Map` or a `Set`, whose old tables would keep removed entries alive until a major collection.
 * See docs/v8.md.
 */
export class SlotArray<Value extends object> {
  readonly #values: (Value | undefined)[] = [];
  readonly #free: number[] = [];

  /** @returns the number under which the value is stored until it is removed. */
  add(value: Value): number {
    const slot = this.#free.pop() ?? this.#values.length;
    this.#values[slot] = value;
    return slot;
  }

  get(slot: number): Value | undefined {
    return this.#values[slot];
  }

  /** @param slot the number of a stored value. */
  remove(slot: number): void {
    this.#values[slot] = undefined;
    this.#free.push(slot);
  }

  values(): Value[] {
    return this.#values.filter((value) => value !== undefined);
  }
}

/** The average number of values in a bucket is at most this. */
const maxPerBucket = 2;

interface Entry<Value> {
  readonly key: string;
  readonly value: Value;
}

/**
 * Maps strings to values that come and go with requests. It contains no `Map`: V8 would internalize each
 * string that a `Map` is asked for, which costs more than all else that a lookup does.
 */
export class SlotMap<Value extends object> {
  readonly #entries = new SlotArray<Entry<Value>>();
  /** The slots of the entries, by the hash of their keys. */
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

  /** @param key a key that is not in the map. */
  add(key: string, value: Value): void {
    this.#size += 1;
    if (this.#size > this.#buckets.length * maxPerBucket) this.#grow();
    this.#bucketOf(key).push(this.#entries.add({ key, value }));
  }

  /** Removes a key. @returns its value, or undefined if the key was not in the map. */
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

  /** In no particular order. */
  keys(): string[] {
    return this.#entries.values().map(({ key }) => key);
  }

  /** In no particular order. */
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
