import type { Output } from './output.ts';

export interface LineWriterOptions {
  readonly output: Output;
  /** Characters that wait at most, those that are being written included. Further lines are dropped. */
  readonly limit: number;
  /** Called when lines were dropped: they did not fit, or the output failed. */
  readonly onDropped: (lines: number, error: Error | undefined) => void;
}

/** Time in ms between two writes: a write takes as much processor time as several lines. */
const restMs = 10;

/**
 * Writes lines in batches: all lines of one turn of the event loop, and those that came during the last write
 * and the rest after it, in one write. It is in one of these states:
 *
 *   idle --a line--> gathering --the turn is over--> writing --done--> resting
 *   resting --10 ms later, or somebody waits for it--> writing if there are lines, else idle
 */
export class LineWriter {
  readonly #options: LineWriterOptions;
  #lines: string[] = [];
  #waitingSize = 0;
  #writingSize = 0;
  #state: 'idle' | 'gathering' | 'writing' | 'resting' = 'idle';
  #rest: NodeJS.Timeout | undefined;
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
    if (this.#state !== 'idle') return;
    this.#state = 'gathering';
    setImmediate(this.#goOn);
  }

  /** @returns when all lines are written or dropped. */
  flushed(): Promise<void> {
    if (this.#state === 'idle') return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    if (this.#state === 'resting') {
      clearTimeout(this.#rest);
      this.#goOn();
    }
    return promise;
  }

  readonly #goOn = (): void => {
    if (this.#lines.length > 0) {
      this.#write();
      return;
    }
    this.#state = 'idle';
    this.#onIdle?.();
  };

  #write(): void {
    const lines = this.#lines;
    this.#state = 'writing';
    this.#writingSize = this.#waitingSize;
    this.#lines = [];
    this.#waitingSize = 0;
    this.#options.output(lines.join(''), (error) => {
      this.#writingSize = 0;
      this.#state = 'resting';
      if (error instanceof Error) this.#options.onDropped(lines.length, error);
      this.#rest = setTimeout(this.#goOn, this.#onIdle === undefined ? restMs : 0);
    });
  }
}
