import type { ByteSink, ByteSource } from './handler.ts';

/** How a source has ended. */
export type SourceEnd =
  | { readonly kind: 'ended' }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'cancelled'; readonly reason: unknown };

/** Tells how a source has ended, before its sink or its origin learns it. */
export class WatchedSource implements ByteSource {
  readonly #source: ByteSource;
  readonly #onEnd: (end: SourceEnd) => void;

  /** @param onEnd called at most once, unless the source is cancelled after its end. */
  constructor(source: ByteSource, onEnd: (end: SourceEnd) => void) {
    this.#source = source;
    this.#onEnd = onEnd;
  }

  start(sink: ByteSink): void {
    this.#source.start({
      bytes: (chunk) => sink.bytes(chunk),
      end: () => {
        this.#onEnd({ kind: 'ended' });
        sink.end();
      },
      fail: (error) => {
        this.#onEnd({ kind: 'failed', error });
        sink.fail(error);
      },
    });
  }

  pause(): void {
    this.#source.pause();
  }

  resume(): void {
    this.#source.resume();
  }

  cancel(reason: unknown): void {
    this.#onEnd({ kind: 'cancelled', reason });
    this.#source.cancel(reason);
  }
}
