import type { ByteSink, ByteSource } from './handler.ts';

/** A source whose failure is told after a wait, and never if the wait has no end. */
export class LateFailureSource implements ByteSource {
  readonly #source: ByteSource;
  readonly #wait: () => Promise<void>;
  #isCancelled = false;

  /** @param wait never rejects. */
  constructor(source: ByteSource, wait: () => Promise<void>) {
    this.#source = source;
    this.#wait = wait;
  }

  start(sink: ByteSink): void {
    this.#source.start({
      bytes: (chunk) => sink.bytes(chunk),
      end: () => sink.end(),
      fail: (error) => void this.#fail(sink, error),
    });
  }

  pause(): void {
    this.#source.pause();
  }

  resume(): void {
    this.#source.resume();
  }

  cancel(reason: unknown): void {
    this.#isCancelled = true;
    this.#source.cancel(reason);
  }

  async #fail(sink: ByteSink, error: unknown): Promise<void> {
    await this.#wait();
    if (!this.#isCancelled) sink.fail(error);
  }
}
