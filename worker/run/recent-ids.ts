/** The bytes of one id: its hash, its time, its link in a bucket, and the bucket. */
export const bytesPerId = 32;

/** There is always room for this many ids. Each capacity is a power of two. */
const minCapacity = 1024;
const none = -1;

/**
 * The ids that were added lately, in the order in which they were added. They are kept in typed arrays: an id
 * costs 32 bytes however long it is, and leaves nothing to the garbage collector. An id is known by a hash of
 * 128 bits.
 */
export class RecentIds {
  /** A ring of slots that starts at the oldest id. */
  #hashes = new Uint32Array(4 * minCapacity);
  #times = new Float64Array(minCapacity);
  /** For each slot, the slot of the next older id in its bucket. */
  #older = new Int32Array(minCapacity).fill(none);
  /** For each bucket, the slot of its newest id. */
  #newest = new Int32Array(minCapacity).fill(none);
  #oldest = 0;
  #size = 0;
  readonly #hash = new Uint32Array(4);

  get size(): number {
    return this.#size;
  }

  /** How many ids there is room for now. */
  get capacity(): number {
    return this.#times.length;
  }

  /** @param time in ms, by a clock that never goes back. */
  add(id: string, time: number): void {
    if (this.#size === this.capacity) this.#resize(this.capacity * 2);
    hash(id, this.#hash);
    this.#append(this.#hash, 0, time);
  }

  has(id: string): boolean {
    hash(id, this.#hash);
    let slot = this.#newest[(this.#hash[0] ?? 0) & (this.capacity - 1)] ?? none;
    while (slot !== none && !this.#isAt(slot)) slot = this.#older[slot] ?? none;
    return slot !== none;
  }

  /** Forgets the ids that were added before a time, and frees memory if few are left. */
  forgetBefore(time: number): void {
    while (this.#size > 0 && (this.#times[this.#oldest] ?? 0) < time) this.#forgetOldest();
    if (this.capacity > minCapacity && this.#size * 8 <= this.capacity) this.#resize(this.capacity / 2);
  }

  #isAt(slot: number): boolean {
    for (let word = 0; word < 4; word += 1) {
      if (this.#hashes[4 * slot + word] !== this.#hash[word]) return false;
    }
    return true;
  }

  /** Appends the hash that starts at a place in `from`. */
  #append(from: Uint32Array, place: number, time: number): void {
    const mask = this.capacity - 1;
    const slot = (this.#oldest + this.#size) & mask;
    for (let word = 0; word < 4; word += 1) this.#hashes[4 * slot + word] = from[place + word] ?? 0;
    const bucket = (from[place] ?? 0) & mask;
    this.#times[slot] = time;
    this.#older[slot] = this.#newest[bucket] ?? none;
    this.#newest[bucket] = slot;
    this.#size += 1;
  }

  /** The oldest id is the last one in its bucket. */
  #forgetOldest(): void {
    const mask = this.capacity - 1;
    const gone = this.#oldest;
    const bucket = (this.#hashes[4 * gone] ?? 0) & mask;
    let slot = this.#newest[bucket] ?? none;
    if (slot === gone) {
      this.#newest[bucket] = none;
    } else {
      while (this.#older[slot] !== gone) slot = this.#older[slot] ?? none;
      this.#older[slot] = none;
    }
    this.#oldest = (gone + 1) & mask;
    this.#size -= 1;
  }

  #resize(capacity: number): void {
    const [hashes, times, oldest, size] = [this.#hashes, this.#times, this.#oldest, this.#size];
    this.#hashes = new Uint32Array(4 * capacity);
    this.#times = new Float64Array(capacity);
    this.#older = new Int32Array(capacity).fill(none);
    this.#newest = new Int32Array(capacity).fill(none);
    this.#oldest = 0;
    this.#size = 0;
    for (let at = 0; at < size; at += 1) {
      const slot = (oldest + at) & (times.length - 1);
      this.#append(hashes, 4 * slot, times[slot] ?? 0);
    }
  }
}

/** FNV-1a (draft-eastlake-fnv) four times, each time with a prime of its own. */
function hash(id: string, into: Uint32Array): void {
  let first = 0x811c9dc5;
  let second = 0x9e3779b9;
  let third = 0x85ebca6b;
  let fourth = 0xc2b2ae35;
  for (let at = 0; at < id.length; at += 1) {
    const code = id.charCodeAt(at);
    first = Math.imul(first ^ code, 0x01000193);
    second = Math.imul(second ^ code, 0x01000197);
    third = Math.imul(third ^ code, 0x0100019f);
    fourth = Math.imul(fourth ^ code, 0x010001a1);
  }
  into[0] = first ^ (first >>> 15);
  into[1] = second;
  into[2] = third;
  into[3] = fourth;
}
