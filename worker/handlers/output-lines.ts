import { StringDecoder } from 'node:string_decoder';

/** Gets a whole line without its line break. @returns false if the reader is slow. */
export type OnLine = (text: string, request: string | undefined) => boolean;

/** Characters of a line that are printed. */
export const maxLineLength = 16_384;
/** Time in ms after which a line without an end is printed. */
const unfinishedMs = 200;

/**
 * Cuts what a program writes to one stream into lines. A line has the text of one request: if another one
 * writes, the unfinished line ends.
 */
export class OutputLines {
  readonly #onLine: OnLine;
  readonly #decoder = new StringDecoder('utf8');
  #unfinished = '';
  /** Characters that were left out of the unfinished line. */
  #left = 0;
  #request: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(onLine: OnLine) {
    this.#onLine = onLine;
  }

  /**
   * @param chunk text or bytes, as for `stream.write`.
   * @param encoding of the text.
   * @param request the id of the request that writes it.
   * @returns false if the reader is slow.
   * @throws {TypeError} if the chunk is neither text nor bytes, as a stream does.
   */
  write(chunk: unknown, encoding: unknown, request: string | undefined): boolean {
    const text = this.#textOf(chunk, encoding);
    if (this.#request !== request) this.flush();
    this.#request = request;
    let goesOn = true;
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      this.#append(text, from, end);
      goesOn = this.#end();
      from = end + 1;
    }
    this.#append(text, from, text.length);
    if (this.#unfinished !== '') this.#timer ??= setTimeout(() => this.flush(), unfinishedMs);
    return goesOn;
  }

  /** Ends the unfinished line, if there is one. */
  flush(): void {
    if (this.#unfinished !== '') this.#end();
  }

  #textOf(chunk: unknown, encoding: unknown): string {
    if (typeof chunk === 'string') {
      const isText =
        typeof encoding !== 'string' || /^utf-?8$/i.test(encoding) || !Buffer.isEncoding(encoding);
      return isText ? chunk : this.#decoder.write(Buffer.from(chunk, encoding));
    }
    if (chunk instanceof Uint8Array) return this.#decoder.write(Buffer.from(chunk));
    throw new TypeError(
      'The "chunk" argument must be of type string or an instance of Buffer or Uint8Array.',
    );
  }

  #append(text: string, from: number, to: number): void {
    const room = maxLineLength - this.#unfinished.length;
    this.#unfinished += text.slice(from, Math.min(to, from + room));
    this.#left += Math.max(0, to - from - room);
  }

  #end(): boolean {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const rest = this.#left > 0 ? `… (${this.#left} more characters)` : '';
    const line = this.#unfinished.replace(/\r$/, '') + rest;
    this.#unfinished = '';
    this.#left = 0;
    return this.#onLine(line, this.#request);
  }
}
