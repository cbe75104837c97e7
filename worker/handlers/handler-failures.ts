import { ErrorPlaces } from '#shared/process/error-places.ts';
import type { Log } from '#shared/process/logger.ts';
import { safeMessage } from '#shared/process/safe-error.ts';

/** What one window logs of a handler that fails all the time, in lines. */
const maxLines = 50;
const windowMs = 10_000;

/**
 * Logs the requests on which a handler fails. In each window, the first failure at a place has the stack and
 * the code there; further ones have one short line each, until there are too many.
 */
export class HandlerFailures {
  readonly #log: Log;
  readonly #places = new ErrorPlaces();
  #windowSince = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #notLogged = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /**
   * @param request the id of the request.
   * @param thrown what the handler has thrown.
   * @param now in ms, from a clock that never goes back.
   */
  add(request: string, thrown: unknown, now: number): void {
    if (now - this.#windowSince >= windowMs) {
      this.#windowSince = now;
      this.#lines = 0;
      this.#places.clear();
    }
    this.#lines += 1;
    if (this.#lines > maxLines) {
      this.#notLogged += 1;
      return;
    }
    const notLogged = this.#notLogged === 0 ? {} : { notLogged: this.#notLogged };
    this.#notLogged = 0;
    const { isNew, frame } = this.#places.look(thrown);
    if (isNew) {
      const shown = frame === undefined ? {} : { frame };
      this.#log.error({ request, err: thrown, ...shown, ...notLogged }, 'the handler failed');
    } else {
      this.#log.error({ request, reason: safeMessage(thrown), ...notLogged }, 'the handler failed again');
    }
  }
}
