/**
 * One poll of a request for all who watch it. It is always in one of these states:
 *
 *   idle --a change, a second has passed, a new watcher--> reading --the record is read: all are told--> idle
 *   idle, reading --the last watcher is deleted--> over
 *
 * Whatever happens while the record is read leads to one more read.
 */
import type { KnownRequest } from '#shared/store/records/request-records.ts';
import type { RequestChanges } from '#shared/store/records/request-changes.ts';

/** Is told what a poll finds. */
export interface Watcher {
  /** @param found the request as it is now; undefined if nothing is known of it, or no longer. */
  onUpdate(found: KnownRequest | undefined): void;
  /** Redis did not answer. The next poll follows as usual. */
  onFailure(error: unknown): void;
}

/**
 * The longest time between two polls, in ms. No message tells that a request expires, or changes without a
 * record.
 */
const pollIntervalMs = 1000;

export class SharedPoll {
  readonly #id: string;
  readonly #changes: RequestChanges;
  readonly #read: () => Promise<KnownRequest | undefined>;
  readonly #watchers = new Set<Watcher>();
  #listening: Promise<() => void> | undefined;
  #reading = false;
  #again = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param read reads the request from Redis. */
  constructor(id: string, changes: RequestChanges, read: () => Promise<KnownRequest | undefined>) {
    this.#id = id;
    this.#changes = changes;
    this.#read = read;
  }

  /** Whether nobody watches. */
  get isUnwatched(): boolean {
    return this.#watchers.size === 0;
  }

  /**
   * @param known whether the watcher knows the request as it was a moment ago, and waits for changes only.
   */
  add(watcher: Watcher, known: boolean): void {
    this.#watchers.add(watcher);
    // A request that does not exist, or has ended, is read once, and its changes are never subscribed to.
    if (known) this.#listen();
    else this.#poll();
  }

  /** Nothing is read and no changes are subscribed to once the last watcher is deleted. */
  delete(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (!this.isUnwatched) return;
    clearTimeout(this.#timer);
    this.#listening?.then((end) => end()).catch(() => undefined);
    this.#listening = undefined;
  }

  #listen(): void {
    this.#startTimer();
    if (this.#listening !== undefined) return;
    this.#listening = this.#changes.listen(this.#id, () => this.#poll());
    // A change before the subscription is found by a poll after it.
    this.#listening.then(() => this.#poll()).catch(() => undefined);
  }

  #startTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#poll(), pollIntervalMs);
  }

  #poll(): void {
    this.#again = true;
    if (!this.#reading) void this.#readUntilDone();
  }

  /** Never rejects. */
  async #readUntilDone(): Promise<void> {
    this.#reading = true;
    while (this.#again && !this.isUnwatched) {
      this.#again = false;
      // A watcher that is added during the read may need a newer state, and is told by the next one.
      const present = [...this.#watchers];
      try {
        const found = await this.#read();
        for (const each of present) if (this.#watchers.has(each)) each.onUpdate(found);
      } catch (error) {
        for (const each of present) if (this.#watchers.has(each)) each.onFailure(error);
      }
    }
    this.#reading = false;
    if (!this.isUnwatched) this.#listen();
  }
}
