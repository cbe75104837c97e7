import type { Frame } from '#shared/contract/frame.ts';
import { startStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { SparseWarning } from '#shared/process/sparse-warning.ts';
import { InboxLists } from '#shared/store/replies/inbox-lists.ts';
import type { InboxRead } from '#shared/store/replies/inbox-lists.ts';
import { BlockingReads, readsAhead } from '#shared/store/redis/blocking-reads.ts';
import type { Connection } from '#shared/store/redis/connection.ts';

export interface ReplyInboxOptions {
  /** A patient connection of the inbox's own: it blocks. */
  readonly reader: Connection;
  /** Any other connection, to wake the reader. */
  readonly waker: Connection;
  readonly gateway: string;
  readonly onFrame: (replica: string, frame: Frame) => void;
  /** @returns whether streams are open, so that frames may be large. */
  readonly hasStreams: () => boolean;
  readonly log: Logger;
}

/** A barrier that was not read after this time is lost, in ms. */
const barrierTimeoutMs = 5000;
/** A barrier that only ends reads; nobody waits for it. */
const wakeUp = '';

interface Read {
  /** Whether other lists are to be read by now than those that this read named. */
  readonly outdated: boolean;
  readonly brought: InboxRead;
}

/**
 * Reads this gateway's replies and streams, which arrive in a list for each replica. One connection reads
 * all lists, with several reads in progress. If the lists change, or the inbox stops, barriers end the
 * outdated reads.
 */
export class ReplyInbox {
  readonly #options: ReplyInboxOptions;
  readonly #lists: InboxLists;
  readonly #life = startStop(
    () => this.#start(),
    () => this.#stop(),
  );
  readonly #barriers = new Map<string, PromiseWithResolvers<void>>();
  readonly #unreadable: SparseWarning;
  readonly #reads: BlockingReads<Read>;
  readonly #ended = Promise.withResolvers<void>();
  #lastBarrier = 0;
  /** Raised each time that the reads in progress become outdated. */
  #version = 0;
  #ignoreBroken: (() => void) | undefined;

  constructor(options: ReplyInboxOptions) {
    this.#options = options;
    this.#lists = new InboxLists(options);
    this.#unreadable = new SparseWarning(options.log, 'the inbox could not be read');
    this.#reads = new BlockingReads({
      connection: options.reader,
      read: () => this.#read(),
      onRead: (read) => this.#onRead(read),
      onError: (error) => this.#onError(error),
      readsAhead,
    });
  }

  start(): Promise<void> {
    return this.#life.start();
  }

  /** Resolves when the reads have ended. Replies that arrive later stay in Redis until they expire. */
  stop(): Promise<void> {
    return this.#life.stop();
  }

  /** Reads from now on the replies of these replicas and no others. */
  listenTo(replicas: Iterable<string>): void {
    if (this.#lists.listenTo(replicas)) this.#outdate();
  }

  /**
   * Sends a barrier through Redis to the reader, which reads it after all replies that were there before it.
   * @returns once all replies that were in the inboxes at the time of the call are delivered. That also shows
   * that Redis takes writes. Rejects if Redis refuses the barrier, or the barrier is lost.
   */
  async caughtUp(): Promise<void> {
    this.#lastBarrier += 1;
    const barrier = String(this.#lastBarrier);
    const read = Promise.withResolvers<void>();
    // It may be rejected before it is awaited.
    read.promise.catch(() => undefined);
    this.#barriers.set(barrier, read);
    let timer: NodeJS.Timeout | undefined;
    try {
      await this.#lists.sendBarrier(barrier);
      timer = setTimeout(() => read.reject(new Error('a barrier was lost')), barrierTimeoutMs);
      await read.promise;
    } finally {
      clearTimeout(timer);
      this.#barriers.delete(barrier);
    }
  }

  #start(): Promise<void> {
    this.#ignoreBroken = this.#lists.onBroken(() => this.#loseBarriers('the connection of the inbox broke'));
    this.#reads.fill();
    return Promise.resolve();
  }

  async #stop(): Promise<void> {
    this.#reads.stop();
    if (this.#reads.underWay === 0) this.#ended.resolve();
    else this.#outdate();
    await this.#ended.promise;
    this.#ignoreBroken?.();
    this.#loseBarriers('the inbox was closed');
  }

  /** Ends the reads in progress. */
  #outdate(): void {
    this.#version += 1;
    this.#resend(wakeUp);
  }

  /** Sends a barrier again: if an outdated read brought it, it was not behind the replies of all lists. */
  #resend(barrier: string): void {
    this.#lists.sendBarrier(barrier).catch((error: unknown) => {
      this.#options.log.debug({ err: error }, 'a barrier could not be sent');
      if (!this.#reads.stopped) return;
      // Closing a connection that is being made does not fail its reads, so they are not awaited.
      this.#options.reader.close();
      this.#ended.resolve();
    });
  }

  #loseBarriers(reason: string): void {
    for (const { reject } of this.#barriers.values()) reject(new Error(reason));
  }

  async #read(): Promise<Read> {
    const version = this.#version;
    const brought = await this.#lists.read(this.#options.hasStreams());
    return { outdated: version !== this.#version, brought };
  }

  #onRead(read: Read | undefined): void {
    if (read !== undefined) this.#deliver(read);
    this.#reads.fill();
    if (this.#reads.underWay === 0) this.#ended.resolve();
  }

  #deliver({ outdated, brought }: Read): void {
    switch (brought.kind) {
      case 'nothing':
        // The barrier that was to end the outdated reads may be lost.
        if (outdated) this.#resend(wakeUp);
        return;
      case 'barriers':
        if (outdated) for (const barrier of new Set(brought.barriers)) this.#resend(barrier);
        else for (const barrier of brought.barriers) this.#barriers.get(barrier)?.resolve();
        return;
      case 'frames':
        for (const frame of brought.frames) this.#deliverFrame(brought.replica, frame);
        return;
      default:
        brought satisfies never;
    }
  }

  #deliverFrame(replica: string, frame: Frame): void {
    try {
      this.#options.onFrame(replica, frame);
    } catch (error) {
      const request = frame.kind === 'reply' || frame.kind === 'head' ? frame.reply.id : frame.id;
      this.#options.log.error({ err: error, replica, request }, 'a frame could not be delivered');
    }
  }

  #onError(error: unknown): void {
    this.#unreadable.warn({ err: error });
    void this.#lists.repairAfter(error);
  }
}
