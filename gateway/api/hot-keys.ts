/** A key among the most frequent. */
export interface HotKey {
  readonly key: string;
  /** The replica that ran its last request. */
  readonly owner: string;
  /** The most requests that it can have had. */
  readonly count: number;
  /** The fewest. */
  readonly atLeast: number;
}

interface Entry {
  owner: string;
  count: number;
  /** How many of `count` may be other keys'. */
  error: number;
}

/** Keys that a sketch keeps; it holds twice as many before it drops the rarest. */
const kept = 128;

/**
 * Counts the most frequent keys in bounded space. A key that was dropped comes back with the count of the
 * most frequent one that was ever dropped, so that no count is too low. Source: Metwally et al., "Efficient
 * Computation of Frequent and Top-k Elements in Data Streams" (Space-Saving), ICDT 2005; half of the keys are
 * dropped at a time instead of one, which costs a constant time for each request.
 */
export class KeySketch {
  readonly #entries = new Map<string, Entry>();
  #floor = 0;
  #total = 0;

  /** How many requests were counted. */
  get total(): number {
    return this.#total;
  }

  count(key: string, owner: string): void {
    this.#total += 1;
    const entry = this.#entries.get(key);
    if (entry !== undefined) {
      entry.count += 1;
      entry.owner = owner;
      return;
    }
    this.#entries.set(key, { owner, count: this.#floor + 1, error: this.#floor });
    if (this.#entries.size >= 2 * kept) this.#dropRarest();
  }

  /** @returns what was counted of a key. */
  of(key: string): HotKey | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const { owner, count, error } = entry;
    return { key, owner, count, atLeast: count - error };
  }

  /** The keys that are counted. */
  keys(): Iterable<string> {
    return this.#entries.keys();
  }

  #dropRarest(): void {
    const ranked = [...this.#entries].toSorted(([, a], [, b]) => b.count - a.count);
    for (const [key, { count }] of ranked.slice(kept)) {
      this.#floor = Math.max(this.#floor, count);
      this.#entries.delete(key);
    }
  }
}

/** Time in ms that one sketch counts for. Two are kept, so that the counts are of the last one to two. */
const periodMs = 150_000;

/** The most frequent keys of the last minutes. */
export class HotKeys {
  #before: KeySketch | undefined;
  #current = new KeySketch();
  #since: number;
  #begun: number;

  /** @param now in ms, from a clock that never goes back. */
  constructor(now: number) {
    this.#since = now;
    this.#begun = now;
  }

  count(key: string, owner: string, now: number): void {
    if (now - this.#begun >= periodMs) this.#turn(now);
    this.#current.count(key, owner);
  }

  /** @returns how many requests were counted, and for how long, in ms. */
  counted(now: number): { readonly requests: number; readonly windowMs: number } {
    this.#turn(now);
    return {
      requests: this.#current.total + (this.#before?.total ?? 0),
      windowMs: Math.round(now - (this.#before === undefined ? this.#begun : this.#since)),
    };
  }

  /**
   * @returns the most frequent keys, the most frequent first. A key is left out if it may have had less than
   * half of its count.
   */
  top(limit: number, now: number): HotKey[] {
    this.#turn(now);
    const keys = new Set([...this.#current.keys(), ...(this.#before?.keys() ?? [])]);
    return [...keys]
      .flatMap((key) => this.of(key) ?? [])
      .filter(({ count, atLeast }) => atLeast >= 2 && atLeast * 2 >= count)
      .toSorted((a, b) => b.count - a.count)
      .slice(0, limit);
  }

  /** @returns what was counted of a key. */
  of(key: string): HotKey | undefined {
    const [now, before] = [this.#current.of(key), this.#before?.of(key)];
    if (now === undefined || before === undefined) return now ?? before;
    return { ...now, count: now.count + before.count, atLeast: now.atLeast + before.atLeast };
  }

  #turn(now: number): void {
    const age = now - this.#begun;
    if (age < periodMs) return;
    this.#before = age < 2 * periodMs ? this.#current : undefined;
    this.#since = age < 2 * periodMs ? this.#begun : now;
    this.#current = new KeySketch();
    this.#begun = now;
  }
}
