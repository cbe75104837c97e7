import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '#shared/process/logger.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { ReplyBodyStore } from '#shared/store/replies/reply-body-store.ts';
import type { HeldBytes } from '../request/held-bytes.ts';

/** Pause after a read that failed, in ms. */
const retryDelayMs = 50;

/** Fetches the bodies of replies that are too large to travel in their frames, as memory permits. */
export class ReplyBodies {
  readonly #connection: Connection;
  readonly #store: ReplyBodyStore;
  readonly #held: HeldBytes;
  readonly #log: Logger;

  /**
   * @param connection a fail-fast connection that others may share.
   * @param held counts the bytes of the bodies that are read.
   */
  constructor(connection: Connection, held: HeldBytes, log: Logger) {
    this.#connection = connection;
    this.#store = new ReplyBodyStore(connection);
    this.#held = held;
    this.#log = log;
  }

  /**
   * Reads a body once there is room for it. Never rejects.
   * @param bytes its length.
   * @param wanted asked before each read.
   * @param deliver gets the body; or undefined if it is gone, or no longer wanted.
   */
  async fetch(
    replica: string,
    id: string,
    bytes: number,
    wanted: () => boolean,
    deliver: (body: Buffer | undefined) => void,
  ): Promise<void> {
    // The Redis client holds the parts of a body as well while it puts them together.
    const held = 2 * bytes;
    const room = await this.#held.roomForAnswer(held, wanted);
    deliver(await this.#read(replica, id, wanted));
    // By now the receiver counts the body.
    if (room) this.#held.giveAnswer(held);
  }

  /**
   * Reads a body and then deletes it: if the connection breaks in between, the body is not lost.
   * @returns undefined if it is gone, or no longer wanted. Never rejects.
   */
  async #read(replica: string, id: string, wanted: () => boolean): Promise<Buffer | undefined> {
    while (wanted()) {
      try {
        const body = await this.#store.read(replica, id);
        if (body !== undefined) this.remove(replica, id);
        return body;
      } catch (error) {
        this.#log.debug({ request: id, err: error }, 'the body of a reply could not be read yet');
        await delay(retryDelayMs);
        if (!(await this.#isBack())) return undefined;
      }
    }
    this.remove(replica, id);
    return undefined;
  }

  /** @returns true once Redis can be reached; false if the gateway has closed the connection. */
  async #isBack(): Promise<boolean> {
    try {
      await this.#connection.whenReady();
      return true;
    } catch {
      return false;
    }
  }

  /** Deletes a body that nobody wants. If that fails, the body expires. */
  remove(replica: string, id: string): void {
    this.#store
      .remove(replica, id)
      .catch((error: unknown) => this.#log.debug({ request: id, err: error }, 'a body will expire'));
  }
}
