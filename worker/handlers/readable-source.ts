import { isUint8Array } from 'node:util/types';
import { noteChunkBytes } from '#shared/v8/young-buffers.ts';
import type { ByteSink, ByteSource } from './handler.ts';

/** Brings what a web stream has, one chunk after the other. */
export class ReadableSource implements ByteSource {
  readonly #stream: ReadableStream<unknown>;
  #reader: ReadableStreamDefaultReader<unknown> | undefined;
  #sink: ByteSink | undefined;
  #paused = false;
  /** Whether a chunk is being read. */
  #reading = false;

  /** @param stream the body of a response. */
  constructor(stream: ReadableStream<unknown>) {
    this.#stream = stream;
  }

  start(sink: ByteSink): void {
    this.#sink = sink;
    queueMicrotask(() => {
      try {
        this.#reader = this.#stream.getReader();
      } catch (error) {
        // It is read already.
        this.#fail(error);
        return;
      }
      void this.#read();
    });
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    void this.#read();
  }

  cancel(reason: unknown): void {
    this.#sink = undefined;
    // It rejects if the stream has failed, or has another reader.
    (this.#reader ?? this.#stream).cancel(reason).catch(() => undefined);
  }

  /** Reads until it is paused or over. Never rejects. */
  async #read(): Promise<void> {
    if (this.#reading || this.#reader === undefined) return;
    this.#reading = true;
    try {
      while (this.#sink !== undefined && !this.#paused) await this.#readOne(this.#reader);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#reading = false;
    }
  }

  async #readOne(reader: ReadableStreamDefaultReader<unknown>): Promise<void> {
    const { done, value } = await reader.read();
    const sink = this.#sink;
    if (sink === undefined) return;
    if (done) {
      this.#sink = undefined;
      sink.end();
    } else if (isUint8Array(value)) {
      if (value.length > 0) sink.bytes(value);
      noteChunkBytes(value.length);
    } else {
      const error = new TypeError('the body of a Response must be a stream of bytes');
      this.#fail(error);
      reader.cancel(error).catch(() => undefined);
    }
  }

  #fail(error: unknown): void {
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.fail(error);
  }
}
