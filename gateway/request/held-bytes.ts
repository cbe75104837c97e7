interface Waiting {
  readonly bytes: number;
  readonly wanted: () => boolean;
  readonly settle: (isReserved: boolean) => void;
}

/**
 * Counts the bytes of request and answer bodies that a gateway holds, against one limit (`BYTES_IN_FLIGHT`).
 * Bytes that have arrived are counted even if they exceed it. New requests are refused if they do not fit.
 * Large answers wait in Redis for room, the oldest first; if no answer is held, the oldest does not wait, so
 * answers never block each other. Streams may last long, so they do not keep the oldest waiting. Pieces of
 * kept streams wait after the answers, until there is room.
 */
export class HeldBytes {
  readonly #limit: number;
  #requests = 0;
  #answers = 0;
  #streams = 0;
  readonly #waiting: Waiting[] = [];
  #waitingPieces: Waiting[] = [];

  /** @param limit in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many bytes may be held. */
  get limit(): number {
    return this.#limit;
  }

  /** The bytes that are held. */
  get size(): number {
    return this.#requests + this.#answers + this.#streams;
  }

  /** @returns whether that many more bytes stay within the limit. */
  fits(bytes: number): boolean {
    return this.size + bytes <= this.#limit;
  }

  /** Counts bytes of a request's body. */
  takeRequest(bytes: number): void {
    this.#requests += bytes;
  }

  /** Stops counting bytes that {@link takeRequest} has counted. */
  giveRequest(bytes: number): void {
    this.#requests -= bytes;
    this.#admit();
  }

  /** Counts bytes of an answer that its client has not read yet. */
  takeAnswer(bytes: number): void {
    this.#answers += bytes;
  }

  /** Stops counting bytes that {@link takeAnswer} or {@link roomForAnswer} has counted. */
  giveAnswer(bytes: number): void {
    this.#answers -= bytes;
    this.#admit();
  }

  /** Counts bytes of a stream that its client has not taken yet. */
  takeStream(bytes: number): void {
    this.#streams += bytes;
  }

  /** Stops counting bytes that {@link takeStream} has counted. */
  giveStream(bytes: number): void {
    this.#streams -= bytes;
    this.#admit();
  }

  /**
   * Waits until there is room for an answer, and counts its bytes.
   * @param wanted asked when there is room.
   * @returns false if the answer is no longer wanted; then nothing is counted.
   */
  roomForAnswer(bytes: number, wanted: () => boolean): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#waiting.push({ bytes, wanted, settle: resolve });
    this.#admit();
    return promise;
  }

  /**
   * Waits until there is room for a piece of a kept stream, and counts its bytes as those of a stream. Other
   * streams keep it waiting too: a client that takes none of its bytes is disconnected in the end.
   * @param wanted asked when there is room.
   * @returns false if the piece is no longer wanted; then nothing is counted.
   */
  roomForPiece(bytes: number, wanted: () => boolean): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    // The first one may wait for long, and nothing is kept meanwhile for clients that have left.
    this.#waitingPieces = this.#waitingPieces.filter((each) => {
      const isWanted = each.wanted();
      if (!isWanted) each.settle(false);
      return isWanted;
    });
    this.#waitingPieces.push({ bytes, wanted, settle: resolve });
    this.#admit();
    return promise;
  }

  #admit(): void {
    for (let next = this.#next(this.#waiting); next !== undefined; next = this.#next(this.#waiting)) {
      if (this.#answers > 0 && !this.fits(next.bytes)) return;
      this.#waiting.shift();
      this.#answers += next.bytes;
      next.settle(true);
    }
    const pieces = this.#waitingPieces;
    for (let next = this.#next(pieces); next !== undefined; next = this.#next(pieces)) {
      if (this.size > 0 && !this.fits(next.bytes)) return;
      pieces.shift();
      this.#streams += next.bytes;
      next.settle(true);
    }
  }

  /** @returns the oldest that is still wanted; those before it are dropped. */
  #next(waiting: Waiting[]): Waiting | undefined {
    for (let [first] = waiting; first !== undefined; [first] = waiting) {
      if (first.wanted()) return first;
      waiting.shift();
      first.settle(false);
    }
    return undefined;
  }
}
