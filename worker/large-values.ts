import type { Redis } from 'ioredis';
import { asBuffer } from '#shared/contract/body.ts';
import { Slots } from './slots.ts';

/** Redis takes no value that is so long (`proto-max-bulk-len`, 512 MB unless its operator has changed it). */
export class ValueTooLongError extends Error {
  override readonly name = 'ValueTooLongError';
}

/**
 * Bytes in one command. Redis cuts a connection on which an argument is longer than `proto-max-bulk-len`,
 * which is never less than 1 MiB; a value that grows too long in pieces is only refused.
 */
const pieceBytes = 512 * 1024;
/** Pieces that are under way at once: each is copied into the socket's memory. */
const mostPieces = 4;
/** What Redis says of a value that would be too long. */
const tooLong = /maximum allowed size/;

/**
 * Writes large values to Redis on a connection of their own, so that nothing waits behind them. It is opened
 * for the first one. Values take turns piece by piece, and memory for a few pieces is all that they take
 * beside their own bytes.
 */
export class LargeValues {
  readonly #open: () => Redis;
  readonly #turns = new Slots(mostPieces);
  #opened: Redis | undefined;

  /** @param open opens a patient connection. */
  constructor(open: () => Redis) {
    this.#open = open;
  }

  /** The connection that values of many bytes travel on. */
  get connection(): Redis {
    return (this.#opened ??= this.#open());
  }

  /**
   * Writes a value under a key that nobody else writes to.
   * @param parts the value's bytes, in turn.
   * @param ttlMs of the key, in ms from the first piece on.
   * @returns once Redis has all of it.
   * @throws {ValueTooLongError} if Redis takes no value that is so long, and what Redis says if it refuses it
   * for now. No key is left then.
   */
  async write(key: string, parts: readonly Uint8Array[], ttlMs: number): Promise<void> {
    try {
      while (!(await this.#writeOnce(key, parts, ttlMs)));
    } catch (error) {
      // What is left of it has a TTL.
      await this.connection.unlink(key).catch(() => undefined);
      if (error instanceof Error && tooLong.test(error.message)) throw new ValueTooLongError(error.message);
      throw error;
    }
  }

  /**
   * Writes a value under a key that others may write to as well: they see all of it or nothing.
   * @param draft a key that nobody else writes to, for a value that takes more than one command.
   * @throws as {@link write} does.
   */
  async replace(key: string, draft: string, value: Uint8Array, ttlMs: number): Promise<void> {
    if (value.length <= pieceBytes) return this.write(key, [value], ttlMs);
    await this.write(draft, [value], ttlMs);
    await this.connection.rename(draft, key);
  }

  /** Closes the connection, if it was opened. */
  close(): void {
    this.#opened?.disconnect();
  }

  /**
   * @returns false where Redis has lost pieces meanwhile, or was sent one twice: all of it is to be written
   * anew.
   */
  async #writeOnce(key: string, parts: readonly Uint8Array[], ttlMs: number): Promise<boolean> {
    let length = 0;
    for (const part of parts) {
      for (let at = 0; at < part.length; at += pieceBytes) {
        const piece = asBuffer(part.subarray(at, at + pieceBytes));
        const before = length;
        length += piece.length;
        if ((await this.#inTurn(() => this.#writePiece(key, piece, before, ttlMs))) !== length) return false;
      }
    }
    return true;
  }

  /** @returns the bytes that the value has now. */
  async #writePiece(key: string, piece: Buffer, before: number, ttlMs: number): Promise<number> {
    if (before > 0) return this.connection.append(key, piece);
    await this.connection.set(key, piece, 'PX', ttlMs);
    return piece.length;
  }

  async #inTurn<T>(act: () => Promise<T>): Promise<T> {
    if (!this.#turns.tryTake()) await this.#turns.take();
    try {
      return await act();
    } finally {
      this.#turns.give();
    }
  }
}
