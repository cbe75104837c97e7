/**
 * Follows one kept stream for all its readers at this gateway. It is always in one of these states:
 *
 *   idle --an append, a change of the record, a second has passed, a reader goes on--> reading
 *   reading --all readers that go on have what there is--> idle
 *   idle, reading --the last reader has ended or stopped--> over
 *
 * Each reader has its own position. One read is under way at a time, and serves all readers at its position,
 * so that those at the tail cost one read. A reader that is slow waits until it goes on by itself, and delays
 * nobody. Besides what readers keep, a follower holds the bytes of one read.
 */
import { finalStates } from '#shared/contract/request-record.ts';
import type { RequestRecord } from '#shared/contract/request-record.ts';
import type { KnownRequest } from '#shared/store/records/request-records.ts';
import { keptStreamOf } from '#shared/store/streams/kept-stream-reader.ts';
import type {
  KeptPiece,
  KeptStream,
  KeptStreamReader,
  Unreadable,
} from '#shared/store/streams/kept-stream-reader.ts';
import type { Watcher } from '../records/shared-poll.ts';

/**
 * Why a reader cannot have the rest: the answer was `aborted`, a part of it is missing (`gap`), or the stream
 * is `gone`.
 */
export type Broken = 'aborted' | Unreadable;

/** Gets the bytes of a kept stream. After `end` or `fail` nothing follows. */
export interface FollowSink {
  /**
   * @param end the offset behind the last byte.
   * @param isTail whether these are all bytes that there are now.
   * @returns whether it takes more. If not, {@link Following.resume} goes on.
   */
  bytes(parts: readonly Buffer[], end: number, isTail: boolean): boolean;
  /** It has all bytes that there are now, and was not told so with the last ones, or has gone on since. */
  caughtUp(): void;
  /** It has all bytes that it wants. */
  end(): void;
  /** @param code why the request failed, as its record says. */
  fail(why: Broken, code?: string): void;
}

/** The reading of one sink. */
export interface Following {
  /** The sink takes more, and is told if there is no more. Safe to call at any time. */
  resume(): void;
  /** Nothing more is told. Safe to call twice. */
  stop(): void;
}

/** What one reader wants. */
export interface Reading {
  readonly from: number;
  /** The offset behind the last byte that it wants; without it, it wants all. */
  readonly until?: number;
}

interface Reader {
  readonly sink: FollowSink;
  readonly until: number;
  at: number;
  takes: boolean;
  /** It was told that it has all bytes, and has not gone on since. */
  isAtTail: boolean;
  /** The last wake-up after which it has read all bytes. */
  seen: number;
}

export interface FollowerOptions {
  readonly reader: Pick<KeptStreamReader, 'read'>;
  /** Subscribes to appends, as `BytesFeed.listen`. */
  readonly listen: (replica: string, id: string, listener: () => void) => Promise<() => void>;
  /** Follows the record, as `Watches.join`. */
  readonly join: (id: string, watcher: Watcher, known: boolean) => () => void;
  /** Called once it has no readers any more. */
  readonly onOver: () => void;
}

export class Follower implements Watcher {
  readonly #options: FollowerOptions;
  readonly #id: string;
  #stream: KeptStream;
  #record: RequestRecord;
  /** In the order of their turns. */
  readonly #readers = new Set<Reader>();
  readonly #leave: () => void;
  readonly #listening: Promise<() => void>;
  #reading = false;
  #isOver = false;
  #wakeUps = 1;
  /** How often the record was read. */
  #updates = 0;
  /** `#updates` when the key was found to be gone; it may have another name after the next one. */
  #goneAt: number | undefined;

  /** @param request its record has a stream. */
  constructor(request: KnownRequest, stream: KeptStream, options: FollowerOptions) {
    this.#options = options;
    this.#id = request.id;
    this.#record = request.record;
    this.#stream = stream;
    this.#leave = options.join(this.#id, this, true);
    this.#listening = options.listen(request.replica, this.#id, this.#wake);
    // What was appended before the subscription is read after it.
    this.#listening.then(this.#wake, () => undefined);
  }

  /** How many readers it has. */
  get size(): number {
    return this.#readers.size;
  }

  /** Adds a reader, whose sink is not called before this has returned. */
  add({ from, until = Number.POSITIVE_INFINITY }: Reading, sink: FollowSink): Following {
    const reader: Reader = { sink, until, at: from, takes: true, isAtTail: false, seen: 0 };
    this.#readers.add(reader);
    queueMicrotask(() => this.#readOn());
    return {
      resume: () => {
        Object.assign(reader, { takes: true, isAtTail: false, seen: 0 });
        this.#readOn();
      },
      stop: () => this.#remove(reader),
    };
  }

  onUpdate(found: KnownRequest | undefined): void {
    const stream = found && keptStreamOf(found);
    if (found === undefined || stream === undefined) {
      for (const reader of this.#readers) this.#fail(reader, 'gone');
      return;
    }
    this.#updates += 1;
    this.#record = found.record;
    this.#stream = stream;
    this.#wake();
  }

  onFailure(): void {
    // Redis is away: readers wait, and a later poll finds what was missed.
  }

  readonly #wake = (): void => {
    this.#wakeUps += 1;
    this.#readOn();
  };

  #readOn(): void {
    if (!this.#reading) void this.#readAll();
  }

  /** Never rejects. */
  async #readAll(): Promise<void> {
    this.#reading = true;
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const { at } = next;
      const [wakeUp, record, updates] = [this.#wakeUps, this.#record, this.#updates];
      try {
        const read = await this.#options.reader.read(this.#stream, at);
        if (read === 'gone' && this.#mayBeElsewhere(updates)) this.#skip(at, wakeUp);
        else this.#tell(at, read, wakeUp, record);
      } catch {
        // The next poll tries again.
        this.#skip(at, wakeUp);
      }
    }
    this.#reading = false;
  }

  /** @returns the reader whose turn it is, and which may find more bytes. */
  #next(): Reader | undefined {
    for (const reader of this.#readers) {
      if (reader.at >= reader.until) this.#end(reader);
      else if (reader.takes && reader.seen < this.#wakeUps) return reader;
    }
    return undefined;
  }

  /** @returns the readers for which a read was made. They have had their turn. */
  #servedAt(at: number): Reader[] {
    const served = [...this.#readers].filter((reader) => reader.takes && reader.at === at);
    for (const reader of served) {
      this.#readers.delete(reader);
      this.#readers.add(reader);
    }
    return served;
  }

  /** Leaves readers as they are until something happens. */
  #skip(at: number, wakeUp: number): void {
    for (const reader of this.#servedAt(at)) reader.seen = wakeUp;
  }

  /**
   * The key is gone. Whoever takes over a stream renames it, which the record says.
   * @param updates how often the record was read before.
   */
  #mayBeElsewhere(updates: number): boolean {
    if (this.#goneAt !== undefined && updates > this.#goneAt) return false;
    this.#goneAt ??= updates;
    return true;
  }

  /** @param record as it was before the read. */
  #tell(at: number, read: KeptPiece | Unreadable, wakeUp: number, record: RequestRecord): void {
    if (read !== 'gone') this.#goneAt = undefined;
    for (const reader of this.#servedAt(at)) {
      if (typeof read === 'string') this.#fail(reader, read);
      else this.#give(reader, read, wakeUp, record);
    }
  }

  #give(reader: Reader, piece: KeptPiece, wakeUp: number, record: RequestRecord): void {
    const { parts, isTail } = piece;
    const end = Math.min(piece.end, reader.until);
    if (isTail) reader.seen = wakeUp;
    if (end > reader.at) {
      const wanted = piece.end === end ? parts : cut(parts, end - reader.at);
      reader.at = end;
      reader.isAtTail = isTail;
      reader.takes = reader.sink.bytes(wanted, end, isTail);
    } else if (isTail && !reader.isAtTail) {
      reader.isAtTail = true;
      reader.sink.caughtUp();
    }
    // The sink may have stopped.
    if (!this.#readers.has(reader)) return;
    if (reader.at >= reader.until) this.#end(reader);
    else if (isTail) this.#endIfOver(reader, record);
  }

  /** @param record as it was before a read that has found no more bytes than the reader has. */
  #endIfOver(reader: Reader, { state, stream }: RequestRecord): void {
    if (!finalStates.has(state)) return;
    const length = stream?.length;
    if (length === undefined) this.#fail(reader, 'aborted');
    else if (length === reader.at) this.#end(reader);
    else this.#fail(reader, 'gap');
  }

  #end(reader: Reader): void {
    this.#remove(reader);
    reader.sink.end();
  }

  #fail(reader: Reader, why: Broken): void {
    this.#remove(reader);
    reader.sink.fail(why, this.#record.code);
  }

  #remove(reader: Reader): void {
    this.#readers.delete(reader);
    if (this.#readers.size > 0 || this.#isOver) return;
    this.#isOver = true;
    this.#leave();
    this.#listening.then((end) => end()).catch(() => undefined);
    this.#options.onOver();
  }
}

/** @returns the first bytes. */
function cut(parts: readonly Buffer[], length: number): Buffer[] {
  const first: Buffer[] = [];
  let left = length;
  for (const part of parts) {
    if (left === 0) break;
    first.push(part.subarray(0, left));
    left -= Math.min(left, part.length);
  }
  return first;
}
