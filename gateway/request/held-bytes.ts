interface Waiting {
  readonly bytes: number;
  readonly wanted: () => boolean;
  readonly settle: (there: boolean) => void;
}

/**
 * Counts the bytes of bodies that a gateway holds, of requests and of answers, against one limit (`BYTES_IN_FLIGHT`).
 * What has come is counted whether it fits or not. New requests ask first, and are refused. Large answers wait in Redis
 * for room, the oldest first. If no answer is held, the oldest need not wait: so answers never wait for each other.
 */
export class HeldBytes {
  readonly #limit: number;
  #requests = 0;
  #answers = 0;
  #waiting: Waiting[] = [];

  /** @param limit in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes that are held. */
  get size(): number {
    return this.#requests + this.#answers;
  }

  /** Whether that many bytes more would stay within the limit. */
  fits(bytes: number): boolean {
    return this.size + bytes <= this.#limit;
  }

  /** Counts bytes of a request's body. */
  takeRequest(bytes: number): void {
    this.#requests += bytes;
  }

  /** Gives back what {@link takeRequest} has counted. */
  giveRequest(bytes: number): void {
    this.#requests -= bytes;
    this.#letIn();
  }

  /** Counts bytes of an answer that its client has not taken yet. */
  takeAnswer(bytes: number): void {
    this.#answers += bytes;
  }

  /** Gives back what {@link takeAnswer} or {@link roomForAnswer} has counted. */
  giveAnswer(bytes: number): void {
    this.#answers -= bytes;
    this.#letIn();
  }

  /**
   * Waits for room for an answer, and counts its bytes.
   * @param wanted asked when there is room.
   * @returns false if it is not wanted any more; then nothing is counted.
   */
  roomForAnswer(bytes: number, wanted: () => boolean): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#waiting.push({ bytes, wanted, settle: resolve });
    this.#letIn();
    return promise;
  }

  #letIn(): void {
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
