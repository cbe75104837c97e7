/** Something that runs between a start and a stop. */
export interface StartStop {
  /** Starts once; further calls get the same promise. Rejects after a stop. */
  start(): Promise<void>;
  /** Stops once and resolves when nothing runs. May be called without a start, or during one. */
  stop(): Promise<void>;
}

/**
 * Makes a pair of functions safe to call repeatedly, concurrently and in any order.
 * @param onStart runs at most once.
 * @param onStop runs at most once, after `onStart` has settled, and only if something was started.
 */
export function startStop(onStart: () => Promise<void>, onStop: () => Promise<void>): StartStop {
  let starting: Promise<void> | undefined;
  let stopping: Promise<void> | undefined;
  return {
    start() {
      if (stopping) return Promise.reject(new Error('what was stopped cannot be started again'));
      starting ??= onStart();
      return starting;
    },
    stop() {
      stopping ??= starting === undefined ? Promise.resolve() : starting.catch(() => undefined).then(onStop);
      return stopping;
    },
  };
}
