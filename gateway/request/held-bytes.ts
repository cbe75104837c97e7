interface Waiting {
  readonly bytes: number;
  readonly wanted: () => boolean;
  readonly settle: (isReserved: boolean) => void;
}

/**
 * Counts the bytes of request and answer bodies that a gateway holds, against one limit (`BYTES_IN_FLIGHT`).
 * Bytes that have arrived are counted even if they exceed it. New requests are refused if they do not fit.
 * Large answers wait in Redis for room, the oldest first; if no answer is held, the oldest does not wait, so
 * answers never block each other. Streams may last long, so they do not keep the oldest waiting.
 */
export class HeldBytes {
  readonly #limit: number;
  #requests = 0;
  #answers = 0;
  #streams = 0;
  #waiting: Waiting[] = [];

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

  #admit(): void {
    for (;;) {
      const [first] = this.#waiting;
      if (first === undefined) return;
      const wanted = first.wanted();
      if (wanted && this.#answers > 0 && !this.fits(first.bytes)) return;
      this.#waiting.shift();
      if (wanted) this.#answers += first.bytes;
      first.settle(wanted);
    }
  }
}
