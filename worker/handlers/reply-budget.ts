/**
 * Limits the bytes of large answers that a worker holds, from when it reads them until Redis has them. An
 * answer is always in one of these states:
 *
 *   held: its bytes are counted, and its reader may read on
 *   waiting: its reader pauses until the bytes that it asks for are free
 *
 * The oldest answer is always held: bytes for a whole answer are reserved for it. All others share the rest.
 * So the oldest answer never waits for another one. When it is gone the next one is the oldest, and readers
 * cannot block each other.
 */

/** A worker may hold this many bytes, however low the limit of one answer is. */
const minTotalBytes = 64 * 1024 * 1024;

/** Up to this many bytes of an answer are not counted, so that small answers cost nothing. */
export const uncountedBytes = 64 * 1024;

interface HeldAnswer {
  held: number;
  /** How many bytes it wants to hold in all; more than `held` while it waits. */
  wanted: number;
  /** Called once, when the waiting answer is held. */
  onHeld: (() => void) | undefined;
}

export class ReplyBudget {
  /** How many bytes one answer may have. */
  readonly limitBytes: number;
  /** How many bytes all answers may hold together. */
  readonly totalBytes: number;
  /** By the ids of their requests, the oldest answer first. */
  readonly #answers = new Map<string, HeldAnswer>();
  #oldest: HeldAnswer | undefined;
  /** How many bytes are free for all answers but the oldest. It is below 0 if whole answers were counted. */
  #free: number;

  /** @param limitBytes how many bytes the body of one answer may have. */
  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
    this.totalBytes = Math.max(minTotalBytes, 2 * limitBytes);
    this.#free = this.totalBytes - limitBytes;
  }

  /** How many bytes are held now. */
  get heldBytes(): number {
    let sum = 0;
    for (const { held } of this.#answers.values()) sum += held;
    return sum;
  }

  /**
   * Asks for bytes, including those that the answer holds already.
   * @param id the request's id.
   * @param bytes at most the limit.
   * @param onHeld called later, at most once, if the bytes are not free now. It is not called after {@link
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
   * Counts the bytes of an answer that is whole already. It cannot wait, so others wait instead.
   */
  count(id: string, bytes: number): void {
    const answer = this.#open(id);
    if (answer !== this.#oldest) this.#free -= bytes - answer.held;
    answer.held = bytes;
    answer.wanted = bytes;
  }

  /**
   * Releases the bytes of a request's answer, if it holds any. Call this when Redis has the answer, or when
   * the run of the request has ended.
   */
  release(id: string): void {
    // Most requests never hold any.
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
   * Grants bytes to the answers that wait, in the order of their age. One that fits may overtake one that
   * does not, which becomes the oldest in time.
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
