import { EventBoundaries } from '../../contract/event-boundaries.ts';
import type { KeptEntry } from './kept-entry.ts';

const [lineFeed, carriageReturn] = [0x0a, 0x0d];

/** Finds the last event with an id in bytes that are looked at as they come. */
export class EventSearch {
  readonly #boundaries: EventBoundaries;
  readonly #from: number;
  readonly #lastId: string;
  #found: number | undefined;

  /**
   * @param before the entry before the bytes, which ends between two events.
   * @param lastId the id of an event; not empty.
   */
  constructor(before: KeptEntry, lastId: string) {
    this.#from = before.end;
    this.#lastId = lastId;
    this.#boundaries = new EventBoundaries({ offset: before.end, lastId: before.lastId ?? '' });
  }

  /** The offset behind the last event with this id that ends in the bytes so far; undefined if none does. */
  get found(): number | undefined {
    return this.#found;
  }

  /** Looks at the next bytes. */
  add(bytes: Buffer): void {
    const boundaries = this.#boundaries;
    for (let at = 0; at < bytes.length;) {
      const next = endOfLine(bytes, at);
      boundaries.add(bytes.subarray(at, next));
      at = next;
      if (boundaries.lastId === this.#lastId && boundaries.end > this.#from) this.#found = boundaries.end;
    }
  }
}

/**
 * Finds an event in entries of a kept stream.
 * @param before the entry before them, which ends between two events.
 * @param entries entries that follow one another.
 * @param lastId the id of an event; not empty.
 * @returns the offset behind the last event with this id that ends in the entries; undefined if none does.
 */
export function eventEnd(
  before: KeptEntry,
  entries: readonly KeptEntry[],
  lastId: string,
): number | undefined {
  const bytes = Buffer.concat(entries.map((entry) => entry.bytes));
  // Most entries are ruled out by this, which is much faster than to look at each line. Events without an id
  // of their own have that of the event before them.
  if (before.lastId !== lastId && !bytes.includes(lastId)) return undefined;
  const search = new EventSearch(before, lastId);
  search.add(bytes);
  return search.found;
}

/** @returns the offset behind the next byte that ends a line, or behind all bytes. */
function endOfLine(bytes: Buffer, from: number): number {
  for (let at = from; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === lineFeed || byte === carriageReturn) return at + 1;
  }
  return bytes.length;
}
