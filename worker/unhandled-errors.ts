import { ErrorPlaces } from '#shared/process/error-places.ts';
import type { Log } from '#shared/process/logger.ts';

export interface UnhandledErrorsOptions {
  /** Called with the first uncaught exception. From then on the state of the process is unknown. */
  readonly onUncaught: (thrown: unknown) => void;
  readonly log: Log;
}

/** A handler may throw at each call, so at most this many lines are logged per window. */
const maxLines = 20;
const windowMs = 10_000;

/** The errors of a handler that do not reach its caller: unhandled rejections and uncaught exceptions. */
export class UnhandledErrors {
  readonly #options: UnhandledErrorsOptions;
  readonly #places = new ErrorPlaces();
  #rejections = 0;
  #exceptions = 0;
  #windowSince = Number.NEGATIVE_INFINITY;
  #lines = 0;

  constructor(options: UnhandledErrorsOptions) {
    this.#options = options;
  }

  /** Handles them from now on instead of Node, which would end the process. */
  listen(): void {
    process.on('unhandledRejection', (reason) => this.onRejection(reason, performance.now()));
    process.on('uncaughtException', (error) => this.onException(error, performance.now()));
  }

  /**
   * Logs a rejection that nothing handles. It ends nothing.
   * @param now in ms, from a clock that never goes back.
   */
  onRejection(reason: unknown, now: number): void {
    this.#rejections += 1;
    this.#log(now, reason, { rejections: this.#rejections }, 'a rejected promise was not handled');
  }

  /** Logs an exception that nothing has caught. The first one is reported to `onUncaught`. */
  onException(thrown: unknown, now: number): void {
    this.#exceptions += 1;
    this.#log(now, thrown, { exceptions: this.#exceptions }, 'an exception was not caught');
    if (this.#exceptions === 1) this.#options.onUncaught(thrown);
  }

  #log(now: number, err: unknown, counts: object, message: string): void {
    if (now - this.#windowSince >= windowMs) {
      this.#windowSince = now;
      this.#lines = 0;
      this.#places.clear();
    }
    this.#lines += 1;
    if (this.#lines > maxLines) return;
    const { frame } = this.#places.look(err);
    this.#options.log.error({ err, ...counts, ...(frame === undefined ? {} : { frame }) }, message);
  }
}
