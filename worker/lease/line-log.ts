import { write } from 'node:fs';
import type { Log } from '#shared/process/logger.ts';
import { safeError } from '#shared/process/safe-error.ts';

/** The numbers of pino's levels. */
const levels = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60, silent: 100 } as const;

/**
 * Logs from a thread, in the format of the main thread's logger. It writes to the file descriptor of stderr:
 * what a thread writes to `process.stderr` waits for the main thread, which may be stalled.
 */
export class LineLog implements Log {
  readonly #minLevel: number;
  readonly #fields: object;
  #last: Promise<void> = Promise.resolve();

  /**
   * @param level the lowest level that is logged.
   * @param fields of each line.
   */
  constructor(level: string, fields: object) {
    this.#minLevel = new Map<string, number>(Object.entries(levels)).get(level) ?? levels.warn;
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

  /** @returns once each line was written, or failed to be. */
  flush(): Promise<void> {
    return this.#last;
  }

  #line(level: number, fields: object, message: string): void {
    if (level < this.#minLevel) return;
    const line = { level, time: Date.now(), ...this.#fields, ...fields, msg: message };
    const text = `${JSON.stringify(line, (_, value: unknown) => shown(value))}\n`;
    // There is nowhere to report that stderr refuses a line.
    this.#last = new Promise((resolve) => write(2, text, () => resolve()));
  }
}

function shown(value: unknown): unknown {
  return value instanceof Error ? safeError(value) : value;
}
