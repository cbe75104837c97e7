import { windowBytes } from '#shared/contract/frame.ts';
import type { HeldBytes } from '../request/held-bytes.ts';

/**
 * Counts the bytes of streams that their clients have not taken, and the streams whose workers may send a
 * wide window of bytes ahead. All wide windows together fit into half of `BYTES_IN_FLIGHT`, and into what the
 * bytes leave free that are held for other reasons. Other streams have a narrow one. So clients that do not
 * read their streams leave room for requests.
 */
export class StreamMemory {
  readonly #held: HeldBytes;
  #bytes = 0;
  #wide = 0;

  constructor(held: HeldBytes) {
    this.#held = held;
  }

  /** Counts bytes that have arrived. */
  take(bytes: number): void {
    this.#bytes += bytes;
    this.#held.takeStream(bytes);
  }

  /** Stops counting bytes: their client has taken them, or they were dropped. */
  give(bytes: number): void {
    this.#bytes -= bytes;
    this.#held.giveStream(bytes);
  }

  /**
   * @param isWide whether the stream has a wide window already.
   * @returns whether it may have one.
   */
  hasRoom(isWide: boolean): boolean {
    const bytes = (isWide ? this.#wide : this.#wide + 1) * windowBytes;
    // What streams hold is part of their windows.
    return bytes <= this.#held.limit / 2 && this.#held.fits(bytes - this.#bytes);
  }

  /** A stream has a wide window now. */
  widen(): void {
    this.#wide += 1;
  }

  /** A stream has no wide window any more. */
  narrow(): void {
    this.#wide -= 1;
  }
}
