import type { ByteSink, ByteSource } from '../handlers/handler.ts';

/** A source whose length was sent already. It fails if it has another one. */
export class ExactSource implements ByteSource {
  readonly #source: ByteSource;
  readonly #length: number;

  constructor(source: ByteSource, length: number) {
    this.#source = source;
    this.#length = length;
  }

  start(sink: ByteSink): void {
    let left = this.#length;
    this.#source.start({
      bytes: (chunk) => {
        left -= chunk.length;
        if (left >= 0) sink.bytes(chunk);
        else this.#fail(sink, 'more');
      },
      end: () => {
        if (left === 0) sink.end();
        else this.#fail(sink, 'fewer');
      },
      fail: (error) => sink.fail(error),
    });
  }

  pause(): void {
    this.#source.pause();
  }

  resume(): void {
    this.#source.resume();
  }

  cancel(reason: unknown): void {
    this.#source.cancel(reason);
  }

  #fail(sink: ByteSink, how: 'more' | 'fewer'): void {
    const error = new TypeError(`the answer has ${how} bytes than its Content-Length of ${this.#length}`);
    this.#source.cancel(error);
    sink.fail(error);
  }
}
