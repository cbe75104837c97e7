/**
 * Offsets as the Durable Streams protocol writes them. Its clients compare them as texts, so all have the
 * same length. `-1` means the start of a stream, and `now` its present end.
 * @see https://github.com/durable-streams/durable-streams/blob/main/PROTOCOL.md
 */
const digits = 16;

/** @param offset in bytes, at most `Number.MAX_SAFE_INTEGER`. */
export function encodeOffset(offset: number): string {
  return String(offset).padStart(digits, '0');
}

/** @returns the offset in bytes, or `now`; undefined for any other text. */
export function decodeOffset(text: string): number | 'now' | undefined {
  if (text === 'now') return 'now';
  if (text === '-1') return 0;
  if (text.length !== digits || !/^\d+$/.test(text)) return undefined;
  const offset = Number(text);
  return Number.isSafeInteger(offset) ? offset : undefined;
}
