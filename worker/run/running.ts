import type { JobData } from '#shared/contract/job.ts';
import type { Run } from '#shared/contract/reply.ts';
import type { RedisClock } from '#shared/store/redis/redis-clock.ts';
import type { HandlerAnswer } from '../handlers/handler.ts';
import type { GatheredStart } from '../stream/started-stream.ts';
import type { PutBack } from './consumer.ts';

/**
 * A request that is being run. Its deadline is translated once, so that no later measurement of Redis's clock
 * makes it later.
 */
export class Running {
  #until: number;
  #deadline: number;
  /** Whether this worker has left, so that another one answers. */
  left = false;
  /** When its job was taken, in ms since the epoch, in Redis time; 0 for a request without a record. */
  readonly taken: number;
  finished: Promise<PutBack | 'left' | undefined> | undefined;
  /** Which run of the request this is. */
  #attempt = 1;
  /** When the handler was called and when it had answered, on the `performance.now()` clock. */
  #begun = 0;
  #ended = 0;
  readonly #controller = new AbortController();
  #stopWaiting: (() => void) | undefined;
  #isAborted = false;

  constructor({ deadline, keepMs }: JobData, clock: RedisClock) {
    this.taken = keepMs === undefined ? 0 : clock.now();
    this.#until = clock.at(deadline);
    this.#deadline = clock.toOwn(deadline);
  }

  /** Its deadline on the `performance.now()` clock. */
  get until(): number {
    return this.#until;
  }

  /** Its deadline in the clock of this host, in ms since the epoch. */
  get deadline(): number {
    return this.#deadline;
  }

  /** Gives it so much time from now on, in ms, unless it has more. Call it before the handler is called. */
  extend(ms: number): void {
    const moreMs = performance.now() + ms - this.#until;
    if (moreMs <= 0) return;
    this.#until += moreMs;
    this.#deadline += moreMs;
  }

  /** Notes that the handler is called now. */
  begin(attempt: number): void {
    this.#attempt = attempt;
    this.#begun = performance.now();
  }

  /** When the handler was called, on the `performance.now()` clock; 0 if it was not. */
  get begun(): number {
    return this.#begun;
  }

  /** Notes that the handler has answered. @param now on the `performance.now()` clock. */
  end(now: number): void {
    this.#ended = now;
  }

  /** @returns how it was run; undefined if the handler was not called. */
  run(adopter: string | undefined): Run | undefined {
    if (this.#begun === 0) return undefined;
    const [leftMs, serviceMs] = [this.until - this.#begun, this.#ended - this.#begun];
    return { leftMs, serviceMs, attempt: this.#attempt, adopter };
  }

  /** Fires when the request is aborted, or the rest of its answer is abandoned. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether the request was aborted: its answer is none that the handler has given. */
  get isAborted(): boolean {
    return this.#isAborted;
  }

  /** @returns what the handler answers, or undefined once the request is aborted. */
  answer<Answer extends HandlerAnswer | GatheredStart>(
    handled: Promise<Answer>,
  ): Promise<Answer | undefined> {
    return new Promise((resolve, reject) => {
      this.#stopWaiting = () => resolve(undefined);
      // What an aborted handler answers or throws later is ignored.
      handled.then(resolve, reject);
    });
  }

  /** Fires the signal, and waits for the handler no longer. */
  abort(reason: DOMException): void {
    this.#isAborted = true;
    this.#controller.abort(reason);
    this.#stopWaiting?.();
  }

  /** Fires the signal because nobody reads the rest of the answer. Its beginning stays as it is. */
  abandon(reason: unknown): void {
    this.#controller.abort(reason instanceof Error ? reason : new DOMException(String(reason), 'AbortError'));
  }

  /** Aborts it without an answer. */
  leave(): void {
    this.left = true;
    this.abort(new DOMException('the worker has left', 'AbortError'));
  }
}
