import type { Redis } from '../redis/access.ts';
import { asBuffer } from '../../contract/body.ts';
import type { Fenced } from '../../contract/fenced.ts';
import { Slots } from '../../process/slots.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { inOneWrite } from '../redis/open-redis.ts';
import { appendUncopied, setUncopied } from '../redis/uncopied.ts';
import { nullIfWrongType } from '../repair/key-repair.ts';
import { inboxTtlMs } from './inbox-ttl.ts';

/** Redis refuses a value of this length: `proto-max-bulk-len` is 512 MB unless its operator changed it. */
export class ValueTooLongError extends Error {
  override readonly name = 'ValueTooLongError';
}

/**
 * Redis lost pieces of a value while it was written, or got one twice. The value must be written again.
 */
export class ValueLostError extends Error {
  override readonly name = 'ValueLostError';
}

/**
 * The draft of a dead worker expires after this time in ms. Writing a value never takes that long.
 */
const draftTtlMs = 10 * 60_000;

/**
 * Bytes in one command. Redis closes a connection on which an argument is longer than `proto-max-bulk-len`,
 * which is at least 1 MiB; a value that grows too long in pieces is only refused.
 */
const pieceBytes = 512 * 1024;
/** How many pieces are sent at once. The socket keeps a copy of each. */
const maxPieces = 4;
/** The error of Redis for a value that would be too long. */
const tooLong = /maximum allowed size/;

/**
 * Writes large replies to Redis, and reads large requests, on a connection of their own, so that nothing
 * waits behind them. The connection is opened for the first one. Values are written in pieces, and take
 * turns: this needs memory for a few pieces besides the values themselves.
 */
export class LargeValues {
  readonly #open: () => Connection;
  readonly #turns = new Slots(maxPieces);
  #opened: Connection | undefined;

  /** @param open opens a patient connection. */
  constructor(open: () => Connection) {
    this.#open = open;
  }

  /** The connection for values of many bytes. */
  get connection(): Connection {
    return (this.#opened ??= this.#open());
  }

  /**
   * Writes the frame of a reply as this worker's draft. `RequestSettler.settle` makes it the kept reply.
   * @param parts the frame's bytes, in turn.
   * @returns once Redis has all of it.
   * @throws {ValueTooLongError} if Redis refuses a value of this length.
   * @throws {ValueLostError} if Redis has lost a part of it; Redis's error if it refuses the value for now.
   * No key is left behind.
   */
  writeDraft({ replica, fence }: Fenced, id: string, parts: readonly Uint8Array[]): Promise<void> {
    return this.#write(keysOf(this.connection).replyDraft(replica, id, fence), parts);
  }

  /**
   * Stores the body of a reply for the gateway that waits for it. The gateway sees all of the body or
   * nothing.
   * @throws as {@link writeDraft} does.
   */
  async storeReplyBody({ replica, fence }: Fenced, id: string, body: Uint8Array): Promise<void> {
    const [redis, keys] = [redisOf(this.connection), keysOf(this.connection)];
    const key = keys.replyBody(replica, id);
    if (body.length <= pieceBytes) {
      await this.#inTurn(() => inOneWrite(redis, () => setUncopied(redis, key, asBuffer(body), inboxTtlMs)));
      return;
    }
    const draft = keys.replyDraft(replica, id, fence);
    await this.#write(draft, [body]);
    await Promise.all([redis.rename(draft, key), redis.pexpire(key, inboxTtlMs)]);
  }

  /** @returns a request's body that is not in its job; undefined if it is gone or not a string. */
  async readRequestBody(replica: string, id: string): Promise<Buffer | undefined> {
    const key = keysOf(this.connection).requestBody(replica, id);
    return (await nullIfWrongType(redisOf(this.connection).getBuffer(key))) ?? undefined;
  }

  /** Closes the connection if it was opened. */
  close(): void {
    this.#opened?.close();
  }

  async #write(key: string, parts: readonly Uint8Array[]): Promise<void> {
    const redis = redisOf(this.connection);
    try {
      await this.#writePieces(redis, key, parts);
    } catch (error) {
      await redis.unlink(key).catch(() => undefined);
      if (error instanceof Error && tooLong.test(error.message)) throw new ValueTooLongError(error.message);
      throw error;
    }
  }

  async #writePieces(redis: Redis, key: string, parts: readonly Uint8Array[]): Promise<void> {
    let length = 0;
    for (const part of parts) {
      for (let at = 0; at < part.length; at += pieceBytes) {
        const piece = asBuffer(part.subarray(at, at + pieceBytes));
        const before = length;
        length += piece.length;
        const written = await this.#inTurn(() => writePiece(redis, key, piece, before));
        if (written !== length) throw new ValueLostError('pieces of a value are lost, or doubled');
      }
    }
  }

  async #inTurn<T>(act: () => Promise<T>): Promise<T> {
    if (!this.#turns.tryAcquire()) await this.#turns.acquire();
    try {
      return await act();
    } finally {
      this.#turns.release();
    }
  }
}

/** @returns how many bytes the value has now. */
async function writePiece(redis: Redis, key: string, piece: Buffer, before: number): Promise<number> {
  if (before > 0) return inOneWrite(redis, () => appendUncopied(redis, key, piece));
  await inOneWrite(redis, () => setUncopied(redis, key, piece, draftTtlMs));
  return piece.length;
}
