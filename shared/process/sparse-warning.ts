import type { Logger } from './logger.ts';

/** Warnings come no closer than this, in ms. */
const everyMs = 1000;

/** A warning that may have reason to come with each request: it is logged at most once a second, with the count. */
export class SparseWarning {
  readonly #log: Logger;
  readonly #text: string;
  #last = Number.NEGATIVE_INFINITY;
  #times = 0;

  /** @param text what is logged. */
  constructor(log: Logger, text: string) {
    this.#log = log;
    this.#text = text;
  }

  /** @param fields are those of the last time before it is logged. */
  warn(fields: Record<string, unknown>): void {
    this.#times += 1;
    const now = performance.now();
    if (now - this.#last < everyMs) return;
    this.#log.warn({ ...fields, times: this.#times }, this.#text);
    this.#last = now;
    this.#times = 0;
  }
}
