/** Bytes that are a function of their position, so that each one that arrives can be checked. */
export class Pattern {
  /** One period, twice, so that a piece which crosses the end of the period is one slice. */
  readonly #twice: Buffer;
  readonly #period: number;

  /** @param period the bytes that repeat */
  constructor(period: Buffer) {
    this.#twice = Buffer.concat([period, period]);
    this.#period = period.length;
  }

  /** @returns the bytes from a position on, at most one period of them. */
  at(position: number, length: number): Buffer {
    const start = position % this.#period;
    return this.#twice.subarray(start, start + Math.min(length, this.#period));
  }

  /** @returns the position of the first byte that is not the right one; -1 if all of them are. */
  firstWrong(position: number, bytes: Uint8Array): number {
    for (let from = 0; from < bytes.length; from += this.#period) {
      const piece = bytes.subarray(from, from + this.#period);
      const right = this.at(position + from, piece.length);
      if (right.equals(piece)) continue;
      return position + from + piece.findIndex((byte, at) => byte !== right[at]);
    }
    return -1;
  }
}

/** The length of each server-sent event of the upstream. */
export const eventBytes = 100;
const eventsInPeriod = 1000;

/** Server-sent events of {@link eventBytes}, numbered from 0; the numbers repeat after a thousand. */
export const events = new Pattern(
  Buffer.concat(
    Array.from({ length: eventsInPeriod }, (_, at) => {
      const text = `data: ${String(at).padStart(4, '0')} `;
      return Buffer.from(`${text.padEnd(eventBytes - 2, String.fromCharCode(97 + (at % 26)))}\n\n`);
    }),
  ),
);

/** No power of two, so that a piece of 64 KiB in the wrong place is wrong from its first bytes on. */
const bulkPeriod = 1_000_003;

/** Bytes without any order, for large answers. */
export const bulk = new Pattern(
  Buffer.from(
    Uint8Array.from(
      { length: bulkPeriod },
      // The high bits of a multiplicative hash.
      (_, at) => Math.imul(at + 1, 0x9e_37_79_b1) >>> 24,
    ),
  ),
);
