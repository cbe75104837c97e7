import type { Reply } from '../../contract/reply.ts';
import type { RequestRecord } from '../../contract/request-record.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { nullIfWrongType } from '../repair/key-repair.ts';
import { EventSearch, eventEnd } from './event-search.ts';
import { behindEntry, entryId, maxEntryBytes, readEntry } from './kept-entry.ts';
import type { KeptEntry, RawEntry } from './kept-entry.ts';

/** A kept stream as its reader names it. */
export interface KeptStream {
  /** The request's id. */
  readonly id: string;
  readonly replica: string;
  /** That of the worker that writes it. */
  readonly fence: number;
}

/** Bytes that follow one another. */
export interface KeptPiece {
  readonly parts: readonly Buffer[];
  /** The offset behind the last byte. */
  readonly end: number;
  /** Whether the stream had no more bytes. */
  readonly isTail: boolean;
}

/**
 * Why nothing can be read: the key is `gone`, because the stream has expired, or another worker has taken it
 * over; or Redis has lost a part of it, so that there is a `gap`.
 */
export type Unreadable = 'gone' | 'gap';

/** One read brings at most this many bytes. */
export const maxReadBytes = 256 * 1024;
/** Small entries cost more memory than their bytes. */
const maxEntries = 2048;
/** A search holds at most this many bytes, and those of one read. */
const maxSearchBytes = 1024 * 1024;

/** A request whose answer is sought. */
interface AnsweredRequest {
  readonly id: string;
  readonly replica: string;
  readonly record: RequestRecord;
}

/** @returns the kept stream of a request; undefined if its answer is not, or not yet, a stream. */
export function keptStreamOf({ id, replica, record }: AnsweredRequest): KeptStream | undefined {
  return record.stream === undefined ? undefined : { id, replica, fence: record.stream.fence };
}

/** Reads kept streams, at any gateway. */
export class KeptStreamReader {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(connection: Connection) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
  }

  /**
   * Reads on in a stream.
   * @param from the offset of the first byte, which is not past the end.
   * @param maxBytes at least 64 KiB, the length of an entry.
   */
  async read(stream: KeptStream, from: number, maxBytes = maxReadBytes): Promise<KeptPiece | Unreadable> {
    const piece = await this.#piece(stream, from, maxBytes);
    if (piece === 'gap' || piece.end > from) return piece;
    const key = this.#key(stream);
    const [later, isThere] = await Promise.all([
      nullIfWrongType(this.#redis.xrangeBuffer(key, behindEntry(from), '+', 'COUNT', 1)),
      this.#redis.exists(key),
    ]);
    if (later === null || isThere === 0) return 'gone';
    if (later.length === 0) return { ...piece, isTail: true };
    // It was appended since; or it is far behind what is missing.
    const again = await this.#piece(stream, from, maxBytes);
    return again === 'gap' || again.end === from ? 'gap' : again;
  }

  /** @returns the last entry of a stream, which is empty if nothing was appended; undefined if it is gone. */
  async tail(stream: KeptStream): Promise<KeptEntry | undefined> {
    const [last] = await this.#before(stream, '+', 1);
    return last;
  }

  /**
   * Finds where a client goes on that knows all events until one. It holds the bytes of a few reads at most.
   * @param lastId the id of the last event that the client knows; not empty.
   * @param wanted asked before each read.
   * @returns the offset behind the last event with this id; undefined if there is none, or it is not wanted
   * any more.
   */
  async offsetOfEvent(
    stream: KeptStream,
    lastId: string,
    wanted: () => boolean = () => true,
  ): Promise<number | undefined> {
    /** Entries after the last one that ends between two events and was searched, in their order. */
    let later: KeptEntry[] = [];
    /** The end of those that were not kept, because they have too many bytes. */
    let laterEnd: number | undefined;
    let entries = await this.#before(stream, '+', 1);
    while (entries.length > 0 && wanted()) {
      for (const entry of entries) {
        if (entry.lastId !== undefined) {
          const found =
            laterEnd === undefined
              ? eventEnd(entry, later, lastId)
              : await this.#eventBefore(stream, entry, laterEnd, lastId, wanted);
          if (found !== undefined) return found;
          [later, laterEnd] = [[], undefined];
          if (entry.lastId === lastId) return entry.end;
        }
        if (laterEnd === undefined) later.unshift(entry);
      }
      const last = later.at(-1);
      if (last !== undefined && last.end - (later[0]?.end ?? 0) > maxSearchBytes) {
        [later, laterEnd] = [[], last.end];
      }
      const { end } = entries.at(-1) ?? { end: 0 };
      entries = end === 0 ? [] : await this.#entriesBefore(stream, end);
    }
    return undefined;
  }

  /**
   * Finds an event in bytes that are too many to hold.
   * @param before the entry before them, which ends between two events.
   * @param until the end of the last of them.
   */
  async #eventBefore(
    stream: KeptStream,
    before: KeptEntry,
    until: number,
    lastId: string,
    wanted: () => boolean,
  ): Promise<number | undefined> {
    const search = new EventSearch(before, lastId);
    for (let at = before.end; at < until && wanted();) {
      const piece = await this.read(stream, at);
      if (piece === 'gone' || piece === 'gap' || piece.end === at) break;
      for (const part of piece.parts) search.add(part);
      at = piece.end;
    }
    return search.found;
  }

  /**
   * @param length that of the answer, as its record has it. If it is less, a few bytes more may be read.
   * @returns the bytes of an answer; undefined if a part of it is gone.
   */
  async readWhole(stream: KeptStream, length: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    for (let at = 0; at < length;) {
      const bytes = Math.max(maxEntryBytes, Math.min(maxReadBytes, length - at));
      const piece = await this.read(stream, at, bytes);
      if (piece === 'gone' || piece === 'gap' || piece.end === at) return undefined;
      parts.push(...piece.parts);
      at = piece.end;
    }
    return Buffer.concat(parts);
  }

  /**
   * @param minBytes how many bytes are read at least; left out if all are.
   * @returns a complete stream as a reply; undefined if it is not complete, or a part of it is gone.
   */
  async readReply(request: AnsweredRequest, minBytes?: number): Promise<Reply | undefined> {
    const { stream: head } = request.record;
    const stream = keptStreamOf(request);
    if (stream === undefined || head?.length === undefined) return undefined;
    const { length, status, reason, headers } = head;
    const body = await this.readWhole(stream, minBytes ?? length);
    if (body === undefined) return undefined;
    return { id: request.id, status, ...(reason === undefined ? {} : { reason }), headers, body };
  }

  async #piece(stream: KeptStream, from: number, maxBytes: number): Promise<KeptPiece | 'gap'> {
    // Ids are offsets, so the range bounds the bytes that come.
    const [first, last] = [behindEntry(from), entryId(from + maxBytes)];
    const raw = await nullIfWrongType(
      this.#redis.xrangeBuffer(this.#key(stream), first, last, 'COUNT', maxEntries),
    );
    const entries = (raw ?? []).map((each) => readEntry(each as RawEntry));
    const { parts, end } = join(entries, from);
    if (end === from && entries.length > 0) return 'gap';
    const isComplete = end === (entries.at(-1)?.end ?? from) && entries.length < maxEntries;
    return { parts, end, isTail: isComplete && end + maxEntryBytes <= from + maxBytes };
  }

  /** @returns entries until an id, the last one first. */
  async #before(stream: KeptStream, id: string, count: number): Promise<KeptEntry[]> {
    const key = this.#key(stream);
    const raw = await nullIfWrongType(this.#redis.xrevrangeBuffer(key, id, '-', 'COUNT', count));
    return (raw ?? []).map((each) => readEntry(each as RawEntry));
  }

  /** @returns the entries before an offset that one read brings, the last one first. */
  async #entriesBefore(stream: KeptStream, end: number): Promise<KeptEntry[]> {
    const [last, first] = [`(${entryId(end)}`, entryId(Math.max(0, end - maxReadBytes))];
    const raw = await nullIfWrongType(
      this.#redis.xrevrangeBuffer(this.#key(stream), last, first, 'COUNT', maxEntries),
    );
    // If Redis has lost them, the one before them is further away.
    if (raw?.length === 0) return this.#before(stream, last, 1);
    return (raw ?? []).map((each) => readEntry(each as RawEntry));
  }

  #key({ replica, id, fence }: KeptStream): string {
    return this.#keys.keptStream(replica, id, fence);
  }
}

/** @returns the bytes from an offset on, until the first gap. */
function join(entries: readonly KeptEntry[], from: number): { parts: Buffer[]; end: number } {
  const parts: Buffer[] = [];
  let end = from;
  for (const { bytes, end: next } of entries) {
    const start = next - bytes.length;
    if (start > end) break;
    parts.push(bytes.subarray(end - start));
    end = next;
  }
  return { parts, end };
}
