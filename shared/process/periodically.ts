import { startStop } from './lifecycle.ts';
import type { StartStop } from './lifecycle.ts';

/**
 * Does something over and over, from its start to its stop.
 * @param everyMs between the beginnings, in ms. While one time still goes on, the next is passed over: what piles up
 * behind a slow Redis would count as many.
 * @param onError told of a time that failed; the next one comes all the same.
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
