import { inStep } from './in-step.ts';
import { startStop } from './lifecycle.ts';
import type { StartStop } from './lifecycle.ts';

/**
 * Calls `act` repeatedly, from the start to the stop, in step with what else the process does periodically.
 * @param everyMs the period in ms. A call that is due while the last one still runs is skipped, so that calls
 * do not pile up behind a slow Redis.
 * @param onError gets the error of a failed call. The next call follows all the same.
 */
export function periodically(
  everyMs: number,
  act: () => Promise<void>,
  onError: (error: unknown) => void,
): StartStop {
  let end: (() => void) | undefined;
  let acting: Promise<void> | undefined;
  return startStop(
    () => {
      end = inStep(everyMs, () => {
        acting ??= act()
          .catch(onError)
          .finally(() => {
            acting = undefined;
          });
      });
      return Promise.resolve();
    },
    async () => {
      end?.();
      await acting;
    },
  );
}
