import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { LastLines } from '#shared/process/last-lines.ts';

/** Time in ms to wait for the end of the stream. A process that the worker left behind may hold it open. */
const drainMs = 100;
/** A longer line, in characters, is passed on in pieces. */
const maxLineLength = 131_072;

/** What a worker has written to stderr. */
export interface WorkerStderr {
  /**
   * Resolves with the last lines once all that the worker wrote is passed on. Call it after the worker has
   * ended.
   */
  ended(): Promise<readonly string[]>;
}

export interface PassOnOptions {
  /** Where to: this process's stderr by default. */
  readonly to?: NodeJS.WritableStream;
  /** Whether to pass a line on; all are by default. */
  readonly accepts?: (line: string) => boolean;
  /** Makes a line readable; undefined passes lines on unchanged. */
  readonly format?: ((line: string) => string) | undefined;
}

/**
 * Passes a worker's stderr on in whole lines, so that no two workers write within one line, and keeps the end
 * of it. If the reader of `to` is slow, the worker has to wait.
 */
export function passOnStderr(from: Readable | null, options: PassOnOptions = {}): WorkerStderr {
  const { to = process.stderr } = options;
  const last = new LastLines();
  if (from === null) return { ended: () => Promise.resolve(last.lines) };
  const lines = new WholeLines(options);
  const closed = new Promise<void>((resolve) => {
    from.once('close', resolve);
  });
  from.on('error', () => undefined);
  from.on('end', () => {
    const text = lines.end();
    if (text !== '') to.write(text);
  });
  from.on('data', (chunk: Buffer) => {
    last.push(chunk);
    const text = lines.add(chunk);
    if (text === '' || to.write(text)) return;
    from.pause();
    to.once('drain', () => from.resume());
  });
  return {
    ended: async () => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, drainMs);
      });
      await Promise.race([closed, late]);
      clearTimeout(timer);
      return last.lines;
    },
  };
}

/** Makes whole lines of chunks. */
class WholeLines {
  readonly #accepts: (line: string) => boolean;
  readonly #format: (line: string) => string;
  readonly #decoder = new StringDecoder('utf8');
  #unfinished = '';

  constructor({ accepts = () => true, format = (line) => line }: PassOnOptions) {
    this.#accepts = accepts;
    this.#format = format;
  }

  /** @returns the text of the lines that the chunk ends. */
  add(chunk: Buffer): string {
    const lines = (this.#unfinished + this.#decoder.write(chunk)).split('\n');
    this.#unfinished = lines.pop() ?? '';
    const whole = lines.map((line) => this.#shown(line)).join('');
    if (this.#unfinished.length <= maxLineLength) return whole;
    const piece = this.#unfinished;
    this.#unfinished = '';
    return whole + piece;
  }

  /** @returns the last line, if it has no line break. */
  end(): string {
    return this.#unfinished === '' ? '' : this.#shown(this.#unfinished);
  }

  #shown(line: string): string {
    return this.#accepts(line) ? `${this.#format(line)}\n` : '';
  }
}
