/** The part of an answer that a client asks for. */
export interface ReplyRange {
  /** The offset of its first byte. */
  readonly from: number;
  /** Whether the client waits for bytes that are not there yet. */
  readonly live: boolean;
}

/** The last position of a range that has no end (RFC 8673, section 3). */
const veryLarge = Number.MAX_SAFE_INTEGER;

const pattern = /^bytes=(?<from>\d{1,16})-(?<to>\d{0,16})$/i;

/**
 * Reads `Range`. Only ranges from an offset on are honoured, and RFC 9110 14.2 lets a server ignore all others.
 * @returns undefined if there is no such range: then the whole answer is sent.
 * @see RFC 8673
 */
export function parseRange(value: string | undefined): ReplyRange | undefined {
  const { from, to } = pattern.exec(value ?? '')?.groups ?? {};
  const first = Number(from);
  if (from === undefined || !Number.isSafeInteger(first)) return undefined;
  if (to === '') return { from: first, live: false };
  return Number(to) === veryLarge ? { from: first, live: true } : undefined;
}

/**
 * @param range what is asked for.
 * @param there how many bytes of the answer there are.
 * @param length how many it has; undefined while it runs.
 * @returns the value of `Content-Range` in a 206; undefined if the range is not satisfiable: then the answer is
 * 416.
 */
export function contentRange(
  { from, live }: ReplyRange,
  there: number,
  length: number | undefined,
): string | undefined {
  if (length === undefined && live) return `bytes ${from}-${veryLarge}/*`;
  if (from >= there) return undefined;
  return `bytes ${from}-${there - 1}/${length ?? '*'}`;
}

/** @returns the value of `Content-Range` in a 416. */
export function unsatisfiedRange(length: number | undefined): string | undefined {
  return length === undefined ? undefined : `bytes */${length}`;
}
