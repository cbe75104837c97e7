import { asBuffer } from '#shared/contract/body.ts';
import { EventBoundaries } from '#shared/contract/event-boundaries.ts';
import type { EventPosition } from '#shared/contract/event-boundaries.ts';
import { maxEntryBytes } from '#shared/store/streams/kept-entry.ts';
import type { KeptEntry } from '#shared/store/streams/kept-entry.ts';

/**
 * Cuts the bytes of an answer into entries of a kept stream. Those of a `text/event-stream` end between two
 * events, so that the stream does so wherever its worker dies; only an event that is longer than an entry is
 * cut. Each byte is looked at once.
 */
export class EntryCutter {
  /** Finds the ends of events; undefined if the answer has none. */
  readonly #boundaries: EventBoundaries | undefined;
  /** Where the last entry has ended. */
  #end: number;
  /** The next bytes, as far as an entry may reach. Their events were looked for. */
  #near: Buffer[] = [];
  #nearBytes = 0;
  /** The bytes after them, from the part `#farAt` on. */
  #far: Buffer[] = [];
  #farAt = 0;
  #farBytes = 0;
  #isComplete = false;

  /** @param from where the first bytes are in the answer. */
  constructor(isEvents: boolean, from: EventPosition) {
    this.#boundaries = isEvents ? new EventBoundaries(from) : undefined;
    this.#end = from.offset;
  }

  /** How many bytes are in no entry yet. */
  get waitingBytes(): number {
    return this.#nearBytes + this.#farBytes;
  }

  /** The offset behind the last byte that was added. */
  get received(): number {
    return this.#end + this.waitingBytes;
  }

  /** Of the last whole event; empty if it has none. */
  get lastId(): string {
    return this.#boundaries?.lastId ?? '';
  }

  add(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#far.push(asBuffer(bytes));
    this.#farBytes += bytes.length;
    this.#lookAt();
  }

  /** The answer is complete: what remains is an entry, even if its event has not ended. */
  complete(): void {
    this.#isComplete = true;
  }

  /** Whether {@link take} has an entry. */
  get hasEntry(): boolean {
    return this.#length() > 0;
  }

  /** Takes the next entry, as long as it can be. @returns undefined if there is none. */
  take(): KeptEntry | undefined {
    const length = this.#length();
    if (length === 0) return undefined;
    const [only] = this.#near;
    const near = this.#near.length === 1 && only !== undefined ? only : Buffer.concat(this.#near);
    this.#near = near.length === length ? [] : [near.subarray(length)];
    this.#nearBytes -= length;
    this.#end += length;
    const boundaries = this.#boundaries;
    const lastId = boundaries?.end === this.#end ? boundaries.lastId : undefined;
    this.#lookAt();
    return { bytes: near.subarray(0, length), end: this.#end, lastId };
  }

  /** @returns how long the next entry is; 0 if there is none. */
  #length(): number {
    if (this.#boundaries === undefined) return this.#nearBytes;
    const whole = this.#boundaries.end - this.#end;
    if (whole > 0) return whole;
    const isAll = this.#isComplete && this.#farBytes === 0;
    return isAll || this.#nearBytes === maxEntryBytes ? this.#nearBytes : 0;
  }

  /** Looks for events in the next bytes, no further than an entry may reach. */
  #lookAt(): void {
    while (this.#nearBytes < maxEntryBytes) {
      const next = this.#far[this.#farAt];
      if (next === undefined) break;
      const part = next.subarray(0, maxEntryBytes - this.#nearBytes);
      if (part.length < next.length) this.#far[this.#farAt] = next.subarray(part.length);
      else this.#farAt += 1;
      this.#near.push(part);
      this.#nearBytes += part.length;
      this.#farBytes -= part.length;
      this.#boundaries?.add(part);
    }
    // To remove each part by itself takes long if there are many.
    if (this.#farAt < this.#far.length / 2) return;
    this.#far = this.#far.slice(this.#farAt);
    this.#farAt = 0;
  }
}
