/**
 * The streams of one queue that are sent, until they are over. They are always in one of these states:
 *
 *   sending --the queue is being left--> draining --they have had their time--> late
 *   any --another worker has the queue, or will--> late
 *
 * While they drain, each stream is left that the next worker can take up. When they are late, the others are
 * broken off. A stream whose head is being sent gets its turn after that.
 */
import type { AbortCode } from '#shared/contract/frame.ts';
import type { SentAnswer } from './sent-answer.ts';

export class OpenAnswers {
  readonly #all = new Set<SentAnswer>();
  /** Those whose heads are being sent. */
  readonly #opening = new Set<SentAnswer>();
  #state: 'sending' | 'draining' | 'late' = 'sending';
  #timer: NodeJS.Timeout | undefined;
  #onEmpty: (() => void) | undefined;

  get size(): number {
    return this.#all.size;
  }

  [Symbol.iterator](): Iterator<SentAnswer> {
    return this.#all.values();
  }

  /** Its head is being sent from now on. */
  add(stream: SentAnswer): void {
    this.#all.add(stream);
    this.#opening.add(stream);
  }

  /** Its head was sent. */
  opened(stream: SentAnswer): void {
    this.#opening.delete(stream);
    this.#drain(stream);
  }

  /** It is over. */
  remove(stream: SentAnswer): void {
    this.#all.delete(stream);
    this.#opening.delete(stream);
    if (this.#all.size === 0) this.#onEmpty?.();
  }

  abortAll(code: AbortCode, why: string): void {
    for (const stream of this.#all) stream.abort(code, new DOMException(why, 'AbortError'));
  }

  /**
   * The queue is being left. Does nothing if it is already.
   * @param inMs the time that streams have to end.
   */
  drain(inMs: number): void {
    if (this.#state !== 'sending') return;
    this.#state = 'draining';
    this.#timer = setTimeout(() => {
      this.#state = 'late';
      for (const stream of this.#all) this.#drain(stream);
    }, inMs);
    for (const stream of this.#all) this.#drain(stream);
  }

  /** Call it once no stream is added any more. @returns when all are over. */
  async drained(): Promise<void> {
    if (this.#all.size > 0) {
      const { promise: empty, resolve } = Promise.withResolvers<void>();
      this.#onEmpty = resolve;
      await empty;
    }
    clearTimeout(this.#timer);
  }

  /** Leaves all of them: another worker has the queue, or will. */
  abandon(): void {
    this.#state = 'late';
    clearTimeout(this.#timer);
    for (const stream of this.#all)
      stream.leave(new DOMException('another worker has the queue', 'AbortError'));
  }

  #drain(stream: SentAnswer): void {
    if (this.#state === 'sending' || this.#opening.has(stream)) return;
    const reason = new DOMException('the worker stops', 'AbortError');
    if (stream.canBeResumed) stream.leave(reason);
    else if (this.#state === 'late') stream.abort('worker_died', reason);
  }
}
