import type { ByteSink, ByteSource } from './handler.ts';

/** Brings bytes that are all there: at once, since that costs no more memory. */
export class BytesSource implements ByteSource {
  #bytes: Uint8Array | undefined;
  #sink: ByteSink | undefined;
  #paused = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  start(sink: ByteSink): void {
    this.#sink = sink;
    queueMicrotask(() => this.#flow());
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#flow();
  }

  cancel(): void {
    this.#sink = undefined;
    this.#bytes = undefined;
  }

  #flow(): void {
    const bytes = this.#bytes;
    if (this.#sink === undefined || this.#paused) return;
    this.#bytes = undefined;
    if (bytes !== undefined && bytes.length > 0) this.#sink.bytes(bytes);
    // The sink may have paused or cancelled it.
    if (this.#isPaused) return;
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.end();
  }

  get #isPaused(): boolean {
    return this.#paused;
  }
}
