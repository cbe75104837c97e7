import { decodeReply } from '../../contract/reply.ts';
import type { Reply } from '../../contract/reply.ts';
import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { expectedOfRequest } from '../repair/expected-keys.ts';
import { KeyRepair, nullIfWrongType } from '../repair/key-repair.ts';
import { KeptStreamReader } from '../streams/kept-stream-reader.ts';
import type { KnownRequest } from './request-records.ts';

/** A frame of fewer bytes is read whole by the first command. */
const smallBytes = 64 * 1024;

/** The answers that are kept, so that clients can ask for them later. */
export class KeptReplies {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #repair: KeyRepair;
  readonly #streams: KeptStreamReader;

  constructor(connection: Connection, log: Logger) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#repair = new KeyRepair(connection, log);
    this.#streams = new KeptStreamReader(connection);
  }

  /**
   * Reads an answer that is no kept stream. A large one, of 64 KiB or more, is read only if its reader
   * agrees.
   * @param mayReadLarge is called with the size of a large answer in bytes.
   * @returns `declined` if it does not agree; undefined if the answer is not kept, or cannot be read.
   */
  async read(
    { id, replica }: KnownRequest,
    mayReadLarge: (bytes: number) => Promise<boolean>,
  ): Promise<Reply | undefined | 'declined'> {
    const key = this.#keys.keptReply(replica, id);
    const beginning = await this.#repair.withRepair(
      () => this.#redis.getrangeBuffer(key, 0, smallBytes - 1),
      () => expectedOfRequest(this.#keys, replica, id),
    );
    if (beginning.length === 0) return undefined;
    if (beginning.length < smallBytes) return this.#decode(key, beginning);
    if (!(await mayReadLarge(await this.#redis.strlen(key)))) return 'declined';
    const frame = await this.#redis.getBuffer(key);
    return frame === null ? undefined : this.#decode(key, frame);
  }

  /**
   * Reads an answer of any size, also a kept stream that is complete.
   * @returns undefined if it is not kept, or cannot be read.
   */
  async readWhole(request: KnownRequest): Promise<Reply | undefined> {
    const { id, replica, record } = request;
    if (record.stream?.length !== undefined) return this.#streams.readReply(request);
    const key = this.#keys.keptReply(replica, id);
    const frame = await this.#repair.withRepair(
      () => this.#redis.getBuffer(key),
      () => expectedOfRequest(this.#keys, replica, id),
    );
    return frame === null ? undefined : this.#decode(key, frame);
  }

  /** @returns the bytes of an answer; 0 if it is not kept, or cannot be read. */
  async sizeOf({ id, replica, record }: KnownRequest): Promise<number> {
    if (record.stream?.length !== undefined) return record.stream.length;
    return (await nullIfWrongType(this.#redis.strlen(this.#keys.keptReply(replica, id)))) ?? 0;
  }

  /** @returns undefined if the bytes are not a frame; then they are moved aside. */
  async #decode(key: string, frame: Buffer): Promise<Reply | undefined> {
    try {
      return decodeReply(frame);
    } catch {
      await this.#repair.aside.key({ key, type: 'string', text: frame });
      return undefined;
    }
  }
}
