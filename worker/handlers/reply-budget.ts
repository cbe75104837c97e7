/**
 * Bounds the bytes of large answers that a worker holds, from the time that it reads them to the time that
 * Redis has them. An answer is always in one of these states:
 *
 *   held: its bytes are counted, and its reader may read on
 *   waiting: its reader pauses until the bytes that it asks for are free
 *
 * The oldest answer is always held: bytes for a whole answer are reserved for it. All others share the rest.
 * So the oldest answer never waits for another one, and the next one is the oldest after it: readers cannot
 * block each other.
 */

/** The least number of bytes that a worker may hold, whatever the limit of one answer. */
const leastTotalBytes = 64 * 1024 * 1024;

/** Up to this many bytes of an answer are not counted: small answers pay nothing. */
export const uncountedBytes = 64 * 1024;

interface HeldAnswer {
  held: number;
  /** Bytes that it is to hold in all; more than `held` while it waits. */
  wanted: number;
  /** Called once, when an answer that waits is held. */
  onHeld: (() => void) | undefined;
}

export class ReplyBudget {
  /** Bytes that one answer may have. */
  readonly limitBytes: number;
  /** Bytes that all answers may hold together. */
  readonly totalBytes: number;
  /** By the ids of their requests, the oldest first. */
  readonly #answers = new Map<string, HeldAnswer>();
  #oldest: HeldAnswer | undefined;
  /** Bytes that are free for all answers but the oldest. Below 0 where answers came whole. */
  #free: number;

  /** @param limitBytes bytes that the body of one answer may have. */
  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
    this.totalBytes = Math.max(leastTotalBytes, 2 * limitBytes);
    this.#free = this.totalBytes - limitBytes;
  }

  /** Bytes that are held now. */
  get heldBytes(): number {
    let sum = 0;
    for (const { held } of this.#answers.values()) sum += held;
    return sum;
  }

  /**
   * Asks for bytes, those that the answer holds already included.
   * @param id the request's id.
   * @param bytes at most the limit.
   * @param onHeld called later, at most once, where the bytes are not free now; not called after {@link
   * release}.
   * @returns whether the answer holds these bytes now.
   */
  hold(id: string, bytes: number, onHeld: () => void): boolean {
    const answer = this.#open(id);
    if (bytes <= answer.held) return true;
    answer.wanted = bytes;
    if (this.#grant(answer)) return true;
    answer.onHeld = onHeld;
    return false;
  }

  /**
   * Counts the bytes of an answer that is whole already: there is nothing to wait with. Others wait instead.
   */
  count(id: string, bytes: number): void {
    const answer = this.#open(id);
    if (answer !== this.#oldest) this.#free -= bytes - answer.held;
    answer.held = bytes;
    answer.wanted = bytes;
  }

  /**
   * Gives the bytes of a request's answer back, if it holds any. To be called when Redis has it, or its run
   * has ended.
   */
  release(id: string): void {
    // Most requests never held any.
    if (this.#oldest === undefined) return;
    const answer = this.#answers.get(id);
    if (answer === undefined) return;
    this.#answers.delete(id);
    if (answer === this.#oldest) {
      this.#oldest = this.#answers.values().next().value;
      this.#free += this.#oldest?.held ?? 0;
    } else {
      this.#free += answer.held;
    }
    this.#wake();
  }

  #open(id: string): HeldAnswer {
    let answer = this.#answers.get(id);
    if (answer === undefined) {
      answer = { held: 0, wanted: 0, onHeld: undefined };
      this.#answers.set(id, answer);
      this.#oldest ??= answer;
    }
    return answer;
  }

  /**
   * Those that have waited longest first; one that fits may pass one that does not, which becomes the oldest
   * in time.
   */
  #wake(): void {
    for (const answer of this.#answers.values()) {
      const { onHeld } = answer;
      if (onHeld === undefined || !this.#grant(answer)) continue;
      answer.onHeld = undefined;
      onHeld();
    }
  }

  #grant(answer: HeldAnswer): boolean {
    const more = answer.wanted - answer.held;
    if (answer !== this.#oldest) {
      if (more > this.#free) return false;
      this.#free -= more;
    }
    answer.held = answer.wanted;
    return true;
  }
}
