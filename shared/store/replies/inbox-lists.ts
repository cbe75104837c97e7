import { decodeFrame } from '../../contract/frame.ts';
import type { Frame } from '../../contract/frame.ts';
import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { expectedOfInboxes } from '../repair/expected-keys.ts';
import { KeyRepair } from '../repair/key-repair.ts';

export interface InboxListsOptions {
  /** A patient connection that only blocks. */
  readonly reader: Connection;
  /** Any other connection, to send barriers. */
  readonly waker: Connection;
  readonly gateway: string;
  readonly log: Logger;
}

/** The result of one read. */
export type InboxRead =
  /** Nothing arrived in time. */
  | { readonly kind: 'nothing' }
  /** Frames of one replica. */
  | { readonly kind: 'frames'; readonly replica: string; readonly frames: readonly Frame[] }
  /** All lists of frames were empty before these. */
  | { readonly kind: 'barriers'; readonly barriers: readonly string[] };

/** How many frames one call reads at most. */
const maxFrames = 500;
/** The same if they may be large: frames of 64 KiB are 4 MiB then. */
const maxLargeFrames = 64;
/** A frame of more bytes is large. */
const largeBytes = 16 * 1024;
/** After a large frame, more of them are expected for this time in ms. */
const largeForMs = 1000;
/** A read that brings nothing ends after this time, in seconds. */
const blockSeconds = 5;
const barrierTtlMs = 10_000;

/** The lists in Redis into which replicas put their replies to one gateway, and one for its barriers. */
export class InboxLists {
  readonly #reader: Redis;
  readonly #waker: Redis;
  readonly #keys: Keys;
  readonly #gateway: string;
  readonly #log: Logger;
  readonly #repair: KeyRepair;
  readonly #barrierList: string;
  readonly #replicaOf = new Map<string, string>();
  #turn = 0;
  /** Until when large frames are expected, on the `performance.now()` clock. */
  #largeUntil = 0;

  constructor({ reader, waker, gateway, log }: InboxListsOptions) {
    this.#reader = redisOf(reader);
    this.#waker = redisOf(waker);
    this.#keys = keysOf(waker);
    this.#gateway = gateway;
    this.#log = log;
    this.#repair = new KeyRepair(waker, log);
    this.#barrierList = this.#keys.wake(gateway);
  }

  /**
   * Selects the replicas whose replies the next reads bring.
   * @returns whether one of them is new, so that the reads in progress have to end.
   */
  listenTo(replicas: Iterable<string>): boolean {
    const wanted = new Map([...replicas].map((name) => [this.#keys.inbox(name, this.#gateway), name]));
    const added = [...wanted.keys()].some((inbox) => !this.#replicaOf.has(inbox));
    this.#replicaOf.clear();
    for (const [inbox, replica] of wanted) this.#replicaOf.set(inbox, replica);
    return added;
  }

  /**
   * Reads entries, or waits some seconds for one. Redis serves the first list that has an entry. So the
   * replicas' lists take turns in being the first, and barriers come last.
   * @param mayBeLarge whether frames may be large although none was lately.
   */
  async read(mayBeLarge: boolean): Promise<InboxRead> {
    const lists = this.#listsInTurn();
    const popped = await this.#reader.blmpopBuffer(
      blockSeconds,
      lists.length,
      lists,
      'LEFT',
      'COUNT',
      mayBeLarge || performance.now() < this.#largeUntil ? maxLargeFrames : maxFrames,
    );
    if (popped === null) return { kind: 'nothing' };
    const [list, entries] = popped;
    const inbox = list.toString();
    if (inbox === this.#barrierList) return { kind: 'barriers', barriers: entries.map(String) };
    const replica = this.#replicaOf.get(inbox);
    // Nobody waits for a replica that is no longer listened to.
    if (replica === undefined) return { kind: 'frames', replica: '', frames: [] };
    return { kind: 'frames', replica, frames: this.#decodeAll(inbox, entries) };
  }

  /** Puts a barrier behind the replies that are in the lists now. */
  async sendBarrier(barrier: string): Promise<void> {
    const list = this.#barrierList;
    await this.#waker.multi().rpush(list, barrier).pexpire(list, barrierTtlMs).exec();
  }

  /** Moves garbled lists aside, if they are why a read failed. Never rejects. */
  async repairAfter(error: unknown): Promise<void> {
    await this.#repair.after(error, () =>
      expectedOfInboxes(this.#keys, this.#gateway, this.#replicaOf.values()),
    );
  }

  /**
   * Calls `listener` each time the connection of the reads breaks.
   * @returns a function that ends the calls.
   */
  onBroken(listener: () => void): () => void {
    this.#reader.on('close', listener);
    return () => this.#reader.off('close', listener);
  }

  #listsInTurn(): string[] {
    const inboxes = [...this.#replicaOf.keys()];
    this.#turn = inboxes.length === 0 ? 0 : (this.#turn + 1) % inboxes.length;
    return [...inboxes.slice(this.#turn), ...inboxes.slice(0, this.#turn), this.#barrierList];
  }

  #decodeAll(inbox: string, entries: readonly Buffer[]): Frame[] {
    const frames: Frame[] = [];
    for (const entry of entries) {
      if (entry.length > largeBytes) this.#largeUntil = performance.now() + largeForMs;
      try {
        frames.push(decodeFrame(entry));
      } catch {
        this.#setAside(inbox, entry);
      }
    }
    return frames;
  }

  /** Keeps a frame that cannot be read. It is no longer in its list. */
  #setAside(inbox: string, frame: Buffer): void {
    this.#repair.aside.taken(inbox, frame).catch((error: unknown) => {
      this.#log.warn({ err: error, inbox }, 'a reply that cannot be read was dropped');
    });
  }
}
