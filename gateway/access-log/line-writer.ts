import type { Output } from './output.ts';

export interface LineWriterOptions {
  readonly output: Output;
  /** Characters that wait at most, those that are being written included. Further lines are dropped. */
  readonly limit: number;
  /** Called when lines were dropped: they did not fit, or the output failed. */
  readonly onDropped: (lines: number, error: Error | undefined) => void;
}

/**
 * Writes lines in batches: all lines of one turn of the event loop, or those that came during the last write,
 * in one write. It is in one of these states:
 *
 *   idle --a line--> gathering --the turn is over--> writing --done, no lines--> idle
 *   writing --done, lines wait--> writing
 */
export class LineWriter {
  readonly #options: LineWriterOptions;
  #lines: string[] = [];
  #waitingSize = 0;
  #writingSize = 0;
  #isBusy = false;
  #onIdle: (() => void) | undefined;

  constructor(options: LineWriterOptions) {
    this.#options = options;
  }

  /** @param line with its newline, ASCII. It returns at once. */
  add(line: string): void {
    const { limit, onDropped } = this.#options;
    if (this.#waitingSize + this.#writingSize + line.length > limit) {
      onDropped(1, undefined);
      return;
    }
    this.#lines.push(line);
    this.#waitingSize += line.length;
    if (this.#isBusy) return;
    this.#isBusy = true;
    setImmediate(this.#write);
  }

  /** @returns when all lines are written or dropped. */
  flushed(): Promise<void> {
    if (!this.#isBusy) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    return promise;
  }

  readonly #write = (): void => {
    const lines = this.#lines;
    this.#writingSize = this.#waitingSize;
    this.#lines = [];
    this.#waitingSize = 0;
    this.#options.output(lines.join(''), (error) => {
      this.#writingSize = 0;
      if (error instanceof Error) this.#options.onDropped(lines.length, error);
      if (this.#lines.length > 0) {
        // A failing output may call back at once.
        setImmediate(this.#write);
        return;
      }
      this.#isBusy = false;
      this.#onIdle?.();
    });
  };
}
