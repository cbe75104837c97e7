import { startStop } from './lifecycle.ts';
import type { StartStop } from './lifecycle.ts';

/**
 * Calls `act` repeatedly, from the start to the stop.
 * @param everyMs the period in ms. A call that is due while the last one still runs is skipped, so that calls
 * do not pile up behind a slow Redis.
 * @param onError gets the error of a failed call. The next call follows all the same.
 */
export function periodically(
  everyMs: number,
  act: () => Promise<void>,
  onError: (error: unknown) => void,
): StartStop {
  let timer: NodeJS.Timeout | undefined;
  let acting: Promise<void> | undefined;
  return startStop(
    () => {
      timer = setInterval(() => {
        acting ??= act()
          .catch(onError)
          .finally(() => {
            acting = undefined;
          });
      }, everyMs);
      return Promise.resolve();
    },
    async () => {
      clearInterval(timer);
      await acting;
    },
  );
}
