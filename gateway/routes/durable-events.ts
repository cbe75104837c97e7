import { isTextType } from '#shared/contract/media-type.ts';
import { encodeOffset } from '#shared/contract/stream-offset.ts';
import type { DurablePlace } from './durable-stream.ts';

const carriageReturn = 0x0d;
const none = Buffer.alloc(0);

/**
 * Writes a kept stream as events of the Durable Streams protocol: each `data` event is followed by a
 * `control` event, which says where the client goes on. A text is cut between two characters, and not between
 * the two that end a line; other bytes are in base64.
 */
export class DurableEvents {
  readonly #isText: boolean;
  /** The last bytes of a text, whose character or end of a line may not be whole. */
  #held: Buffer = none;

  /** @param type of the stream, as `durableType` has it. */
  constructor(type: string) {
    this.#isText = isTextType(type);
  }

  /**
   * @param place that behind the bytes.
   * @param cursor of the control event.
   */
  bytes(parts: readonly Buffer[], place: DurablePlace, cursor: number): string {
    const bytes = Buffer.concat([this.#held, ...parts]);
    const whole = this.#isText && !place.isClosed ? wholeLength(bytes) : bytes.length;
    this.#held = bytes.subarray(whole);
    return this.#data(bytes.subarray(0, whole)) + this.#control(place, cursor);
  }

  /** No bytes have come: says where the client is. */
  place(place: DurablePlace, cursor: number): string {
    const rest = place.isClosed ? this.#held : none;
    if (place.isClosed) this.#held = none;
    return this.#data(rest) + this.#control(place, cursor);
  }

  #data(bytes: Buffer): string {
    if (bytes.length === 0) return '';
    if (!this.#isText) return `event: data\ndata:${bytes.toString('base64')}\n\n`;
    const lines = bytes.toString('utf8').split(/\r\n|\r|\n/);
    return `event: data\n${lines.map(dataLine).join('')}\n`;
  }

  #control({ next, isTail, isClosed }: DurablePlace, cursor: number): string {
    const control = {
      streamNextOffset: encodeOffset(next - this.#held.length),
      ...(isClosed ? {} : { streamCursor: String(cursor) }),
      ...(isTail ? { upToDate: true } : {}),
      ...(isClosed ? { streamClosed: true } : {}),
    };
    return `event: control\ndata:${JSON.stringify(control)}\n\n`;
  }
}

/** A client drops one space at the start of a line. */
function dataLine(line: string): string {
  return line.startsWith(' ') ? `data: ${line}\n` : `data:${line}\n`;
}

/** @returns how many bytes are before a last character, or an end of a line, that may not be whole. */
function wholeLength(bytes: Buffer): number {
  if (bytes.at(-1) === carriageReturn) return bytes.length - 1;
  // A character has at most four bytes. All but the first begin with the bits 10.
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    return charLength(byte) > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

/** @param first the first byte of a character of several. */
function charLength(first: number): number {
  if (first >= 0xf0) return 4;
  return first >= 0xe0 ? 3 : 2;
}
