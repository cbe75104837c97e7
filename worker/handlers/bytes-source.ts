import type { ByteSink, ByteSource } from './handler.ts';

const chunkBytes = 64 * 1024;
/** A unit of a text takes up to three bytes. */
const chunkUnits = Math.floor(chunkBytes / 3);

/** Large bytes, or a large text as UTF-8, that are there already. A text is encoded while it is read. */
export class BytesSource implements ByteSource {
  #body: Uint8Array | string;
  #sink: ByteSink | undefined;
  /** What was read, in bytes or units of the text. */
  #position = 0;
  #isPaused = false;
  #isQueued = false;

  constructor(body: Uint8Array | string) {
    this.#body = body;
  }

  /** The bytes or the text, unless it was started or cancelled. */
  get body(): Uint8Array | string {
    return this.#body;
  }

  start(sink: ByteSink): void {
    this.#sink = sink;
    this.#queue();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#queue();
  }

  cancel(): void {
    this.#forget();
  }

  /** Whoever starts or resumes it is not called before that has returned. */
  #queue(): void {
    if (this.#isQueued || this.#sink === undefined) return;
    this.#isQueued = true;
    queueMicrotask(() => this.#flow());
  }

  #flow(): void {
    this.#isQueued = false;
    while (!this.#isPaused) {
      if (this.#sink === undefined) return;
      if (this.#position >= this.#body.length) {
        this.#forget()?.end();
        return;
      }
      this.#sink.bytes(this.#next());
    }
  }

  #next(): Uint8Array {
    const from = this.#position;
    if (typeof this.#body !== 'string') {
      this.#position += chunkBytes;
      return this.#body.subarray(from, this.#position);
    }
    this.#position = cutOf(this.#body, from + chunkUnits);
    return Buffer.from(this.#body.slice(from, this.#position), 'utf8');
  }

  #forget(): ByteSink | undefined {
    const sink = this.#sink;
    this.#sink = undefined;
    this.#body = '';
    return sink;
  }
}

/** @returns the given position, or the one before if it is between the two units of one character. */
function cutOf(text: string, position: number): number {
  // The code point at the first of two units is above those of one unit.
  return (text.codePointAt(position - 1) ?? 0) > 0xffff ? position - 1 : position;
}
