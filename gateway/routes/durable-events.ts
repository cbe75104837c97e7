/**
 * The events with which a reader of the Durable Streams protocol gets an answer (`live=sse`): `data` has bytes,
 * and the `control` after it says where the reader is. Bytes are in base64 unless the answer is a text.
 * @see https://github.com/durable-streams/durable-streams/blob/main/PROTOCOL.md
 */
import { encodeOffset } from '#shared/contract/stream-offset.ts';

const text = /^\s*(?:text\/|application\/json\s*(?:;|$))/i;

/** @param type the value of Content-Type. @returns whether the bytes are sent as they are, and not in base64. */
export function isTextType(type: string | undefined): boolean {
  return type !== undefined && text.test(type);
}

/**
 * @param bytes if they are a text, they end with a whole character: see {@link wholeCharacters}.
 * @returns the event that has them. The ends of lines in a text all become line feeds.
 */
export function dataEvent(bytes: Buffer, isText: boolean): string {
  const lines = isText ? bytes.toString('utf8').split(/\r\n|\r|\n/) : [bytes.toString('base64')];
  // A reader drops one space after the colon.
  const fields = lines.map((line) => (line.startsWith(' ') ? `data: ${line}\n` : `data:${line}\n`));
  return `event: data\n${fields.join('')}\n`;
}

/** Where a reader is. */
export interface ReaderPosition {
  /** The offset of the byte after the last one that it got. */
  readonly offset: number;
  readonly cursor: string;
  /** It has all bytes that are there. */
  readonly upToDate: boolean;
  /** It has all bytes, and the answer has ended. */
  readonly closed: boolean;
}

/** @returns the event that says where the reader is. */
export function controlEvent({ offset, cursor, upToDate, closed }: ReaderPosition): string {
  const control = {
    streamNextOffset: encodeOffset(offset),
    ...(closed ? {} : { streamCursor: cursor }),
    ...(upToDate ? { upToDate } : {}),
    ...(closed ? { streamClosed: true } : {}),
  };
  return `event: control\ndata:${JSON.stringify(control)}\n\n`;
}

/**
 * @returns how many of the bytes are whole characters of UTF-8. Bytes at the end that cannot become a character
 * count as whole ones.
 */
export function wholeCharacters(bytes: Uint8Array): number {
  // A character has at most four bytes. Those after the first one begin with the bits 10.
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    return lengthFrom(byte) > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

/** @returns how many bytes a character has that begins with this byte. */
function lengthFrom(first: number): number {
  if (first >= 0xf0 && first < 0xf8) return 4;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xc0 && first < 0xe0 ? 2 : 1;
}

/** Cursors count intervals of this length, in ms, from this time on. */
const [intervalMs, epoch] = [20_000, Date.UTC(2024, 9, 9)];
/** A reader that has the present cursor gets one that is up to an hour ahead. */
const maxAhead = 3_600_000 / intervalMs;

/**
 * Makes the cursor by which a cache between reader and gateway tells one wait from the next. It always differs
 * from the one that the reader sent, so that a cached answer is not returned for ever.
 * @param sent the cursor of the reader, if it has one.
 * @param now ms since the epoch.
 * @param random in [0, 1).
 */
export function nextCursor(sent: string | undefined, now: number, random: number): string {
  const present = Math.floor((now - epoch) / intervalMs);
  const known = sent !== undefined && /^\d{1,15}$/.test(sent) ? Number(sent) : -1;
  return String(known < present ? present : known + 1 + Math.floor(random * maxAhead));
}
