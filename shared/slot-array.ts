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

/** A map of strings for values that come and go all the time: its own tables have nothing but numbers. */
export class SlotMap<Value extends object> {
  readonly #slots = new Map<string, number>();
  readonly #values = new SlotArray<Value>();

  get size(): number {
    return this.#slots.size;
  }

  get(key: string): Value | undefined {
    const slot = this.#slots.get(key);
    return slot === undefined ? undefined : this.#values.get(slot);
  }

  has(key: string): boolean {
    return this.#slots.has(key);
  }

  /** @param key that is not there. */
  add(key: string, value: Value): void {
    this.#slots.set(key, this.#values.add(value));
  }

  /** @returns the value that was there. */
  take(key: string): Value | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    const value = this.#values.get(slot);
    this.#slots.delete(key);
    this.#values.remove(slot);
    return value;
  }

  /** In the order in which they came. */
  keys(): IterableIterator<string> {
    return this.#slots.keys();
  }

  /** In the order in which they came. */
  values(): Value[] {
    return Array.from(this.#slots.values()).flatMap((slot) => this.#values.get(slot) ?? []);
  }
}
