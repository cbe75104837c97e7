import type { Logger } from './logger.ts';

/** The shortest time between two warnings, in ms. */
const everyMs = 1000;

/** A warning whose cause may occur with each request. It is logged at most once a second, with the count. */
export class SparseWarning {
  readonly #log: Logger;
  readonly #text: string;
  #last = Number.NEGATIVE_INFINITY;
  #times = 0;

  /** @param text the message of the warning. */
  constructor(log: Logger, text: string) {
    this.#log = log;
    this.#text = text;
  }

  /** @param fields if warnings were held back, the fields of the latest one are logged. */
  warn(fields: Record<string, unknown>): void {
    this.#times += 1;
    const now = performance.now();
    if (now - this.#last < everyMs) return;
    this.#log.warn({ ...fields, times: this.#times }, this.#text);
    this.#last = now;
    this.#times = 0;
  }
}
