import type { Redis } from 'ioredis';
import { decodeReply } from '#shared/contract/reply.ts';
import type { Reply } from '#shared/contract/reply.ts';
import type { Keys } from '#shared/keys.ts';
import { startStop } from '#shared/lifecycle.ts';
import type { Logger } from '#shared/logger.ts';
import { SparseWarning } from './sparse-warning.ts';

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

/**
 * Where this gateway's replies arrive: a list for each replica, all read by one blocking reader.
 *
 * BLMPOP serves the first list that has something, so the lists take turns in being the first.
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
  readonly #onClose = (): void => this.#loseMarks('the connection of the inbox broke');
  #turn = 0;
  #lastMark = 0;
  #running = false;
  #loop: Promise<void> | undefined;

  constructor(options: ReplyInboxOptions) {
    this.#options = options;
    this.#wakeKey = options.keys.wake(options.gateway);
    this.#unreadable = new SparseWarning(options.log, 'the inbox could not be read');
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
    if (added)
      this.#wake('').catch((error: unknown) => this.#options.log.debug({ err: error }, 'no wake-up'));
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
    this.#running = true;
    this.#options.reader.on('close', this.#onClose);
    this.#loop = this.#read();
    return Promise.resolve();
  }

  async #stop(): Promise<void> {
    this.#running = false;
    try {
      await this.#wake('');
      await this.#loop;
    } catch {
      // Without Redis there is no wake-up. A read whose connection is just being made anew does not even fail when that
      // is closed: nobody waits for it any more.
      this.#options.reader.disconnect();
    }
    this.#options.reader.off('close', this.#onClose);
    this.#loseMarks('the inbox was closed');
  }

  async #wake(mark: string): Promise<void> {
    const { waker } = this.#options;
    await waker.multi().rpush(this.#wakeKey, mark).pexpire(this.#wakeKey, wakeTtlMs).exec();
  }

  #loseMarks(reason: string): void {
    for (const { reject } of this.#marks.values()) reject(new Error(reason));
  }

  async #read(): Promise<void> {
    const { reader } = this.#options;
    while (this.#running) {
      const lists = this.#lists();
      try {
        const popped = await reader.blmpopBuffer(
          blockSeconds,
          lists.length,
          lists,
          'LEFT',
          'COUNT',
          mostReplies,
        );
        if (popped) this.#deliver(popped[0].toString(), popped[1]);
      } catch (error) {
        if (!this.#running) return;
        this.#unreadable.warn({ err: error });
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  #lists(): string[] {
    const inboxes = [...this.#replicaOf.keys()];
    this.#turn = inboxes.length === 0 ? 0 : (this.#turn + 1) % inboxes.length;
    return [...inboxes.slice(this.#turn), ...inboxes.slice(0, this.#turn), this.#wakeKey];
  }

  #deliver(inbox: string, frames: readonly Buffer[]): void {
    if (inbox === this.#wakeKey) {
      for (const mark of frames) this.#marks.get(mark.toString())?.resolve();
      return;
    }
    const replica = this.#replicaOf.get(inbox);
    if (replica === undefined) return;
    for (const frame of frames) {
      try {
        this.#options.onReply(replica, decodeReply(frame));
      } catch (error) {
        this.#options.log.error({ err: error, inbox }, 'a reply could not be read');
      }
    }
  }
}
