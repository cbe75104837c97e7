/**
 * An entry of a kept stream. Its id in Redis is `<end>-0`, where `end` is the offset behind its last byte, so
 * that ids are positions in the answer and Redis refuses an entry that comes again. Its fields are `b`, the
 * bytes, and `e`, the id of the last event before `end`, if `end` is between two events. The first entry,
 * `0-1`, has no bytes and is there from the opening of the stream on.
 */
export interface KeptEntry {
  /** The offset behind the last byte. */
  readonly end: number;
  readonly bytes: Buffer;
  /** Of the last event before `end`, empty if that has none; undefined if `end` is not between two events. */
  readonly lastId: string | undefined;
}

/** A kept stream that is complete. */
export interface WholeStream {
  readonly length: number;
  /** How many entries with bytes it has. */
  readonly entries: number;
  /** Of its last event; empty if that has none. */
  readonly lastId: string;
}

/** An entry has at most so many bytes. */
export const maxEntryBytes = 64 * 1024;

/** An entry as the client of Redis reads it, with all texts as bytes. */
export type RawEntry = readonly [id: Buffer, fields: readonly Buffer[]];

/** @returns the id in Redis of the entry that ends there. */
export function entryId(end: number): string {
  return end === 0 ? '0-1' : `${end}-0`;
}

/** @returns the start of a range that has all entries behind an offset, and those alone. */
export function behindEntry(end: number): string {
  return `(${end}-1`;
}

/** @returns the fields of an entry, as `XADD` takes them. */
export function entryFields({ bytes, lastId }: KeptEntry): (string | Buffer)[] {
  return lastId === undefined ? ['b', bytes] : ['b', bytes, 'e', lastId];
}

/** @returns the offset behind the last byte of the entry with this id. */
export function endOfEntry(id: string): number {
  return Number(id.slice(0, id.indexOf('-')));
}

const none = Buffer.alloc(0);

export function readEntry([id, fields]: RawEntry): KeptEntry {
  const text = id.toString('latin1');
  return {
    end: endOfEntry(text),
    bytes: fieldOf(fields, 'b') ?? none,
    // Before the first byte no event has begun.
    lastId: text === entryId(0) ? '' : fieldOf(fields, 'e')?.toString('utf8'),
  };
}

/** @param fields alternating names and values. */
function fieldOf(fields: readonly Buffer[], name: string): Buffer | undefined {
  const at = fields.findIndex((each, index) => index % 2 === 0 && each.toString('latin1') === name);
  return at < 0 ? undefined : fields[at + 1];
}
