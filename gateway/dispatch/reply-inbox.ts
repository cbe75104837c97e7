import type { Redis } from 'ioredis';
import { BlockingReads, manyAhead } from '#shared/store/redis/blocking-reads.ts';
import { decodeReply } from '#shared/contract/reply.ts';
import type { Reply } from '#shared/contract/reply.ts';
import { expectedOfInboxes } from '#shared/store/repair/expected-keys.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import { startStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { SparseWarning } from '#shared/process/sparse-warning.ts';

export interface ReplyInboxOptions {
  /** A patient connection of the inbox's own: it blocks. */
  readonly reader: Redis;
  /** Any other connection, to wake the reader. */
  readonly waker: Redis;
  readonly keys: Keys;
  readonly gateway: string;
  readonly onReply: (replica: string, reply: Reply) => void;
  readonly log: Logger;
}

/** Replies read in one call. */
const mostReplies = 500;
/** A read that brought nothing is made again after this time, in seconds. */
const blockSeconds = 5;
const wakeTtlMs = 10_000;
/** A mark that was not read after this time is lost, in ms. */
const markTimeoutMs = 5000;

/** What a read has brought. */
interface Read {
  /** Whether the lists that it named are not those that are to be read now. */
  readonly outdated: boolean;
  /** The list, and what was in it; null where nothing came in time. */
  readonly popped: readonly [Buffer, readonly Buffer[]] | null;
}

/**
 * Where this gateway's replies arrive: a list for each replica, all read by one blocking reader.
 *
 * BLMPOP serves the first list that has something, so the lists take turns in being the first. Several reads are under
 * way; when other lists are to be read, or none any more, a mark ends those that are outdated, one after the other.
 */
export class ReplyInbox {
  readonly #options: ReplyInboxOptions;
  readonly #replicaOf = new Map<string, string>();
  readonly #wakeKey: string;
  readonly #life = startStop(
    () => this.#start(),
    () => this.#stop(),
  );
  readonly #marks = new Map<string, PromiseWithResolvers<void>>();
  readonly #unreadable: SparseWarning;
  readonly #repair: KeyRepair;
  readonly #onClose = (): void => this.#loseMarks('the connection of the inbox broke');
  readonly #reads: BlockingReads<Read>;
  readonly #ended = Promise.withResolvers<void>();
  #turn = 0;
  #lastMark = 0;
  /** Counted up whenever the reads under way become outdated. */
  #version = 0;

  constructor(options: ReplyInboxOptions) {
    this.#options = options;
    this.#wakeKey = options.keys.wake(options.gateway);
    this.#unreadable = new SparseWarning(options.log, 'the inbox could not be read');
    const { waker, keys, log } = options;
    this.#repair = new KeyRepair(waker, keys, log);
    this.#reads = new BlockingReads({
      connection: options.reader,
      read: (reader) => this.#read(reader),
      onRead: (read) => this.#onRead(read),
      onError: (error) => this.#onError(error),
      ahead: manyAhead,
    });
  }

  start(): Promise<void> {
    return this.#life.start();
  }

  /** Resolves when the reader has ended. Replies that come later stay in Redis until they expire. */
  stop(): Promise<void> {
    return this.#life.stop();
  }

  /** Reads from now on the replies of these replicas and no others. */
  listenTo(replicas: Iterable<string>): void {
    const { keys, gateway } = this.#options;
    const wanted = new Map([...replicas].map((replica) => [keys.inbox(replica, gateway), replica]));
    const added = [...wanted.keys()].some((inbox) => !this.#replicaOf.has(inbox));
    this.#replicaOf.clear();
    for (const [inbox, replica] of wanted) this.#replicaOf.set(inbox, replica);
    if (added) this.#outdate();
  }

  /**
   * Sends a mark through Redis to the reader. It is read after everything that was in the inboxes before, because
   * its list is the last of those that the reader asks for.
   * @returns when all replies that were in the inboxes at the time of the call are given out, which also tells that
   * Redis takes writes and that replies arrive; rejects when Redis refuses the mark, or the mark was lost.
   */
  async caughtUp(): Promise<void> {
    this.#lastMark += 1;
    const mark = String(this.#lastMark);
    const read = Promise.withResolvers<void>();
    // It may be lost before anyone waits for it.
    read.promise.catch(() => undefined);
    this.#marks.set(mark, read);
    let timer: NodeJS.Timeout | undefined;
    try {
      await this.#wake(mark);
      timer = setTimeout(() => read.reject(new Error('a mark was lost')), markTimeoutMs);
      await read.promise;
    } finally {
      clearTimeout(timer);
      this.#marks.delete(mark);
    }
  }

  #start(): Promise<void> {
    this.#options.reader.on('close', this.#onClose);
    this.#reads.fill();
    return Promise.resolve();
  }

  async #stop(): Promise<void> {
    this.#reads.stop();
    if (this.#reads.underWay === 0) this.#ended.resolve();
    else this.#outdate();
    await this.#ended.promise;
    this.#options.reader.off('close', this.#onClose);
    this.#loseMarks('the inbox was closed');
  }

  /** Ends the reads that are under way. */
  #outdate(): void {
    this.#version += 1;
    this.#pass('');
  }

  /** Sends marks on: one that an outdated read has brought was not after what is in all lists. */
  #pass(...marks: readonly string[]): void {
    for (const mark of marks) {
      this.#wake(mark).catch((error: unknown) => {
        this.#options.log.debug({ err: error }, 'no mark');
        if (!this.#reads.stopped) return;
        // A read whose connection is just being made anew does not even fail when that is closed: nobody waits for it.
        this.#options.reader.disconnect();
        this.#ended.resolve();
      });
    }
  }

  async #wake(mark: string): Promise<void> {
    const { waker } = this.#options;
    await waker.multi().rpush(this.#wakeKey, mark).pexpire(this.#wakeKey, wakeTtlMs).exec();
  }

  #loseMarks(reason: string): void {
    for (const { reject } of this.#marks.values()) reject(new Error(reason));
  }

  async #read(reader: Redis): Promise<Read> {
    const version = this.#version;
    const lists = this.#lists();
    const popped = await reader.blmpopBuffer(blockSeconds, lists.length, lists, 'LEFT', 'COUNT', mostReplies);
    return { outdated: version !== this.#version, popped };
  }

  #onRead(read: Read | undefined): void {
    if (read !== undefined) this.#deliver(read);
    this.#reads.fill();
    if (this.#reads.underWay === 0) this.#ended.resolve();
  }

  #lists(): string[] {
    const inboxes = [...this.#replicaOf.keys()];
    this.#turn = inboxes.length === 0 ? 0 : (this.#turn + 1) % inboxes.length;
    return [...inboxes.slice(this.#turn), ...inboxes.slice(0, this.#turn), this.#wakeKey];
  }

  #deliver({ outdated, popped }: Read): void {
    if (popped === null) {
      // The mark that was to end the outdated reads may be lost.
      if (outdated) this.#pass('');
      return;
    }
    const [list, entries] = popped;
    const inbox = list.toString();
    if (inbox !== this.#wakeKey) {
      this.#giveOut(inbox, entries);
      return;
    }
    const marks = entries.map(String);
    if (outdated) this.#pass(...new Set(marks));
    else for (const mark of marks) this.#marks.get(mark)?.resolve();
  }

  #giveOut(inbox: string, frames: readonly Buffer[]): void {
    const replica = this.#replicaOf.get(inbox);
    if (replica === undefined) return;
    for (const frame of frames) {
      const reply = this.#decode(inbox, frame);
      try {
        if (reply !== undefined) this.#options.onReply(replica, reply);
      } catch (error) {
        this.#options.log.error({ err: error, inbox }, 'a reply could not be given out');
      }
    }
  }

  /** @returns undefined for what is no frame: it is moved aside. */
  #decode(inbox: string, frame: Buffer): Reply | undefined {
    try {
      return decodeReply(frame);
    } catch {
      this.#repair.aside.taken(inbox, frame).catch((error: unknown) => {
        this.#options.log.warn({ err: error, inbox }, 'a reply that cannot be read was dropped');
      });
      return undefined;
    }
  }

  #onError(error: unknown): void {
    this.#unreadable.warn({ err: error });
    const { keys, gateway } = this.#options;
    void this.#repair.after(error, () => expectedOfInboxes(keys, gateway, this.#replicaOf.values()));
  }
}
