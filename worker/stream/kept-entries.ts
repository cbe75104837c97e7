import { EventBoundaries } from '#shared/contract/event-boundaries.ts';
import type { EventPosition } from '#shared/contract/event-boundaries.ts';

/** What is appended to a kept stream at once. */
export interface KeptEntry {
  /** The offset behind its last byte. */
  readonly end: number;
  readonly bytes: Buffer;
  /** Whether the answer can be taken up behind it: it ends between two events. */
  readonly isBoundary: boolean;
  /** The id of the last event; empty if there is none. */
  readonly lastId: string;
}

/** An entry has at most so many bytes. */
const maxEntryBytes = 64 * 1024;

/**
 * Cuts the bytes of an answer into entries of a kept stream. Entries of an event stream end between two events,
 * unless one event is longer than an entry may be. Pure.
 */
export class KeptEntries {
  /** Undefined if the answer is no event stream. */
  readonly #boundaries: EventBoundaries | undefined;
  #parts: Uint8Array[] = [];
  /** How many bytes the parts have. */
  #length = 0;
  /** The offset behind the last entry. */
  #end: number;
  #entries: KeptEntry[] = [];

  /**
   * @param from where the answer is taken up.
   * @param isEventStream whether entries have to end between two events.
   */
  constructor(from: EventPosition, isEventStream: boolean) {
    this.#end = from.offset;
    this.#boundaries = isEventStream ? new EventBoundaries(from) : undefined;
  }

  /** Adds the next bytes of the answer. */
  add(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + maxEntryBytes - this.#length);
      at += part.length;
      this.#parts.push(part);
      this.#length += part.length;
      this.#boundaries?.add(part);
      if (this.#length === maxEntryBytes) this.#cutFull();
    }
  }

  /** @returns the entries that can be appended now. */
  take(): readonly KeptEntry[] {
    this.#cut(this.#wholeBytes);
    return this.#entries.splice(0);
  }

  /** @returns the entries that are left when the answer has ended: the last one may end anywhere. */
  finish(): readonly KeptEntry[] {
    this.#cut(this.#wholeBytes);
    this.#cut(this.#length);
    return this.#entries.splice(0);
  }

  /** How many of the bytes that wait can be an entry. */
  get #wholeBytes(): number {
    return this.#boundaries === undefined ? this.#length : Math.max(0, this.#boundaries.end - this.#end);
  }

  /** Makes an entry of the whole events that wait, or of all bytes if they are within one event. */
  #cutFull(): void {
    this.#cut(this.#wholeBytes > 0 ? this.#wholeBytes : this.#length);
  }

  #cut(length: number): void {
    if (length === 0) return;
    const waiting = Buffer.concat(this.#parts);
    const bytes = waiting.subarray(0, length);
    const rest = waiting.subarray(length);
    this.#parts = rest.length > 0 ? [rest] : [];
    this.#length = rest.length;
    this.#end += length;
    const isBoundary = this.#boundaries !== undefined && this.#boundaries.end === this.#end;
    this.#entries.push({ end: this.#end, bytes, isBoundary, lastId: this.#boundaries?.lastId ?? '' });
  }
}
