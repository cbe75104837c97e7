import type { Redis } from 'ioredis';
import { asBuffer } from '#shared/contract/body.ts';
import { Slots } from '#shared/process/slots.ts';

/** Redis takes no value that is so long (`proto-max-bulk-len`, 512 MB unless its operator has changed it). */
export class ValueTooLongError extends Error {
  override readonly name = 'ValueTooLongError';
}

/** Redis has lost pieces of a value while it was written, or was sent one twice: it is to be written anew. */
export class ValueLostError extends Error {
  override readonly name = 'ValueLostError';
}

/**
 * Time in ms after which a draft is gone whose worker has died. Longer than any value takes to be written.
 */
export const draftTtlMs = 10 * 60_000;

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
   * Writes a value under a key that nobody else writes to, and that is gone after {@link draftTtlMs}.
   * @param parts the value's bytes, in turn.
   * @returns once Redis has all of it.
   * @throws {ValueTooLongError} if Redis takes no value that is so long.
   * @throws {ValueLostError} if Redis has lost a part of it; and what Redis says if it refuses it for now. No
   * key is left then.
   */
  async writeDraft(key: string, parts: readonly Uint8Array[]): Promise<void> {
    try {
      await this.#writePieces(key, parts);
    } catch (error) {
      await this.connection.unlink(key).catch(() => undefined);
      if (error instanceof Error && tooLong.test(error.message)) throw new ValueTooLongError(error.message);
      throw error;
    }
  }

  /**
   * Writes a value under a key that others may write to as well: they see all of it or nothing.
   * @param draft a key that nobody else writes to, for a value that takes more than one command.
   * @param ttlMs of the key, in ms.
   * @throws as {@link writeDraft} does.
   */
  async replace(key: string, draft: string, value: Uint8Array, ttlMs: number): Promise<void> {
    if (value.length <= pieceBytes) {
      await this.#inTurn(() => this.connection.set(key, asBuffer(value), 'PX', ttlMs));
      return;
    }
    await this.writeDraft(draft, [value]);
    await Promise.all([this.connection.rename(draft, key), this.connection.pexpire(key, ttlMs)]);
  }

  /** Closes the connection, if it was opened. */
  close(): void {
    this.#opened?.disconnect();
  }

  async #writePieces(key: string, parts: readonly Uint8Array[]): Promise<void> {
    let length = 0;
    for (const part of parts) {
      for (let at = 0; at < part.length; at += pieceBytes) {
        const piece = asBuffer(part.subarray(at, at + pieceBytes));
        const before = length;
        length += piece.length;
        const written = await this.#inTurn(() => this.#writePiece(key, piece, before));
        if (written !== length) throw new ValueLostError('pieces of a value are lost, or doubled');
      }
    }
  }

  /** @returns the bytes that the value has now. */
  async #writePiece(key: string, piece: Buffer, before: number): Promise<number> {
    if (before > 0) return this.connection.append(key, piece);
    await this.connection.set(key, piece, 'PX', draftTtlMs);
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
