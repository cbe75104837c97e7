/**
 * One look at a request for all who watch it. It is always in one of these states:
 *
 *   resting --a change, a second, somebody new--> looking --the record is read: all are told--> resting
 *   resting, looking --nobody watches any more--> over
 *
 * What comes up while a look is under way leads to one more look after it, however much it is.
 */
import type { RequestChanges } from '#shared/store/request-changes.ts';
import type { KnownRequest } from '#shared/store/request-records.ts';

/** One who is told what the looks find. */
export interface Watcher {
  /** @param found the request as it is now; undefined if nothing is known of it, or not any more. */
  onLook(found: KnownRequest | undefined): void;
  /** Redis did not answer; the next look is made as usual. */
  onFailure(error: unknown): void;
}

/** A request is looked at this often at least, in ms: nobody tells of one that expires, or that has no record. */
const lookEveryMs = 1000;

export class SharedLook {
  readonly #id: string;
  readonly #changes: RequestChanges;
  readonly #read: () => Promise<KnownRequest | undefined>;
  readonly #watchers = new Set<Watcher>();
  #listening: Promise<() => void> | undefined;
  #looking = false;
  #again = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param read reads the request from Redis. */
  constructor(id: string, changes: RequestChanges, read: () => Promise<KnownRequest | undefined>) {
    this.#id = id;
    this.#changes = changes;
    this.#read = read;
  }

  /** Whether nobody watches. */
  get idle(): boolean {
    return this.#watchers.size === 0;
  }

  /** @param known whether the watcher knows the request as it was a moment ago, and waits for changes alone. */
  add(watcher: Watcher, known: boolean): void {
    this.#watchers.add(watcher);
    // A request that is not there, or that has ended, is looked at once and never listened to.
    if (known) this.#listen();
    else this.#look();
  }

  /** Nothing is read and nobody is listened to once the last watcher is deleted. */
  delete(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (!this.idle) return;
    clearTimeout(this.#timer);
    this.#listening?.then((end) => end()).catch(() => undefined);
    this.#listening = undefined;
  }

  #listen(): void {
    this.#rest();
    if (this.#listening !== undefined) return;
    this.#listening = this.#changes.listen(this.#id, () => this.#look());
    // What has changed before Redis listened is seen by a look that is made after it.
    this.#listening.then(() => this.#look()).catch(() => undefined);
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), lookEveryMs);
  }

  #look(): void {
    this.#again = true;
    if (!this.#looking) void this.#lookUntilDone();
  }

  /** Never rejects. */
  async #lookUntilDone(): Promise<void> {
    this.#looking = true;
    while (this.#again && !this.idle) {
      this.#again = false;
      // Who comes while the request is read may ask for something newer, and is told by the next look.
      const present = [...this.#watchers];
      try {
        const found = await this.#read();
        for (const each of present) if (this.#watchers.has(each)) each.onLook(found);
      } catch (error) {
        for (const each of present) if (this.#watchers.has(each)) each.onFailure(error);
      }
    }
    this.#looking = false;
    if (!this.idle) this.#listen();
  }
}
