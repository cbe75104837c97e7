import { write } from 'node:fs';
import type { Log } from '#shared/process/logger.ts';
import { safeError } from '#shared/process/safe-error.ts';

/** As pino numbers them. */
const levels = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60, silent: 100 } as const;

/**
 * Logs from a thread: the lines that the main thread's logger writes, written to stderr without it. The main thread may
 * stand still, and what a thread gives to `process.stderr` would wait for it.
 */
export class LineLog implements Log {
  readonly #least: number;
  readonly #fields: object;
  #last: Promise<void> = Promise.resolve();

  /**
   * @param level the least that is logged.
   * @param fields of each line.
   */
  constructor(level: string, fields: object) {
    this.#least = level in levels ? levels[level as keyof typeof levels] : levels.warn; // checked to be one
    this.#fields = fields;
  }

  debug(fields: object, message: string): void {
    this.#line(levels.debug, fields, message);
  }

  warn(fields: object, message: string): void {
    this.#line(levels.warn, fields, message);
  }

  error(fields: object, message: string): void {
    this.#line(levels.error, fields, message);
  }

  /** @returns once all lines are written, or refused. */
  flush(): Promise<void> {
    return this.#last;
  }

  #line(level: number, fields: object, message: string): void {
    if (level < this.#least) return;
    const line = { level, time: Date.now(), ...this.#fields, ...fields, msg: message };
    const text = `${JSON.stringify(line, (_, value: unknown) => shown(value))}\n`;
    // Nobody can be told of a line that stderr does not take.
    this.#last = new Promise((resolve) => write(2, text, () => resolve()));
  }
}

function shown(value: unknown): unknown {
  return value instanceof Error ? safeError(value) : value;
}
