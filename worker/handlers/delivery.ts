/**
 * How the bytes of one answer get to their sink. A delivery is always in one of these states:
 *
 *   waiting --start--> open
 *   waiting, open --the origin ends or fails, the request is aborted, or it is cancelled--> over
 *
 * What happens while it waits is told to the sink after the start.
 */
import { strict as assert } from 'node:assert';
import type { ByteSink } from './handler.ts';

/** Does nothing. */
const nobody: ByteSink = { bytes: () => undefined, end: () => undefined, fail: () => undefined };

/** Passes the bytes of an answer on, until it is over. It is over with its request at the latest. */
export class Delivery {
  readonly #signal: AbortSignal;
  readonly #drop: (reason: unknown) => void;
  #state: 'waiting' | 'open' | 'over' = 'waiting';
  #sink: ByteSink = nobody;
  /** How it has failed while it waited. */
  #failure: { readonly error: unknown } | undefined;

  /**
   * @param signal of the request; it has not fired.
   * @param drop tells the origin that nobody wants its bytes any more.
   */
  constructor(signal: AbortSignal, drop: (reason: unknown) => void) {
    this.#signal = signal;
    this.#drop = drop;
    signal.addEventListener('abort', this.#onAbort);
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** @returns whether the origin is to be read. */
  start(sink: ByteSink): boolean {
    const failure = this.#failure;
    if (failure !== undefined) {
      queueMicrotask(() => sink.fail(failure.error));
      return false;
    }
    if (this.#state === 'over') return false;
    assert.equal(this.#state, 'waiting', 'a source is started once');
    this.#state = 'open';
    this.#sink = sink;
    return true;
  }

  bytes(chunk: Uint8Array): void {
    if (chunk.length > 0) this.#sink.bytes(chunk);
  }

  end(): void {
    this.#leave().end();
  }

  /** The origin has failed by itself, or is dropped by the caller. */
  fail(error: unknown): void {
    if (this.#state === 'waiting') this.#failure = { error };
    this.#leave().fail(error);
  }

  /** Drops the origin and tells the sink nothing more. */
  cancel(reason: unknown): void {
    this.#failure = undefined;
    if (this.#state === 'over') return;
    this.#leave();
    this.#drop(reason);
  }

  readonly #onAbort = (): void => {
    const reason: unknown = this.#signal.reason;
    this.#drop(reason);
    this.fail(reason);
  };

  /** A connection may keep this object alive, so it forgets its sink. @returns the sink. */
  #leave(): ByteSink {
    const sink = this.#sink;
    this.#sink = nobody;
    this.#state = 'over';
    this.#signal.removeEventListener('abort', this.#onAbort);
    return sink;
  }
}
