import type { Log } from '#shared/process/logger.ts';

export interface StrayErrorsOptions {
  /** Called with the first exception that nothing has caught: the process can be trusted no more. */
  readonly onUncaught: (thrown: unknown) => void;
  readonly log: Log;
}

/** A handler may throw as often as it is called: so many lines in each window are logged, the rest is only counted. */
const mostLines = 20;
const windowMs = 10_000;

/** The errors that a handler has left behind: they come to nobody who has called it. */
export class StrayErrors {
  readonly #options: StrayErrorsOptions;
  #rejections = 0;
  #exceptions = 0;
  #windowSince = Number.NEGATIVE_INFINITY;
  #lines = 0;

  constructor(options: StrayErrorsOptions) {
    this.#options = options;
  }

  /** Hears of them from now on, in place of Node, which would end the process. */
  listen(): void {
    process.on('unhandledRejection', (reason) => this.rejected(reason, performance.now()));
    process.on('uncaughtException', (error) => this.thrown(error, performance.now()));
  }

  /**
   * A promise was rejected and nobody handles it. It ends nothing.
   * @param now in ms, from a clock that never goes back.
   */
  rejected(reason: unknown, now: number): void {
    this.#rejections += 1;
    this.#log(now, reason, { rejections: this.#rejections }, 'a rejected promise was left behind');
  }

  /** An exception was thrown and nobody has caught it. */
  thrown(thrown: unknown, now: number): void {
    this.#exceptions += 1;
    this.#log(now, thrown, { exceptions: this.#exceptions }, 'an exception was not caught');
    if (this.#exceptions === 1) this.#options.onUncaught(thrown);
  }

  #log(now: number, err: unknown, counted: object, message: string): void {
    if (now - this.#windowSince >= windowMs) {
      this.#windowSince = now;
      this.#lines = 0;
    }
    this.#lines += 1;
    if (this.#lines > mostLines) return;
    this.#options.log.error({ err, ...counted }, message);
  }
}
