import type { Readable } from 'node:stream';
import { pino } from 'pino';
import { LineSplitter } from './line-splitter.ts';
import { lineFormat } from './pretty-lines.ts';
import type { LineFormat, LogFormat } from './pretty-lines.ts';

/** Where the lines go: `write` returns false when its reader is slow, and `drain` follows. */
export interface OutputDestination {
  write(text: string): boolean;
  once(event: 'drain', listener: () => void): unknown;
}

/** The level `info`, as pino writes it. */
const infoLevel = 30;

/**
 * Logs what a program prints, as lines on stderr like those of the logger. If the reader of stderr is slow,
 * the program has to wait.
 */
export class OutputLog {
  readonly #fields: object;
  readonly #format: LineFormat;
  readonly #to: OutputDestination;

  /**
   * @param fields of each line, such as `role` and `replica`.
   * @param format of the lines.
   */
  constructor(
    fields: object,
    format: LogFormat = 'json',
    to: OutputDestination = pino.destination({ dest: 2, sync: false }),
  ) {
    this.#fields = fields;
    this.#format = lineFormat(format) ?? ((line) => line);
    this.#to = to;
  }

  /**
   * Logs each line of a stream until its end.
   * @returns when all of it is logged; never rejects.
   */
  passOn(from: Readable, stream: 'stdout' | 'stderr'): Promise<void> {
    const lines = new LineSplitter();
    from.on('data', (chunk: Buffer) => {
      if (this.#writeAll(lines.push(chunk), stream)) return;
      from.pause();
      this.#to.once('drain', () => from.resume());
    });
    from.on('error', () => undefined);
    return new Promise((resolve) => {
      from.once('close', () => {
        this.#writeAll(lines.end(), stream);
        resolve();
      });
    });
  }

  /** @returns whether more may be written now. */
  #writeAll(lines: readonly string[], stream: string): boolean {
    if (lines.length === 0) return true;
    const time = Date.now();
    const texts = lines.map((msg) =>
      this.#format(JSON.stringify({ level: infoLevel, time, ...this.#fields, stream, msg })),
    );
    return this.#to.write(`${texts.join('\n')}\n`);
  }
}
