import type { Logger } from '../../process/logger.ts';
import type { RedisClock } from './redis-clock.ts';

/** A clock that is off by more than this, in ms, is warned about. */
const warnAboveMs = 1000;

/**
 * Warns once if the clock of this host is more than a second off, and again only if it was right in between. Nothing
 * depends on it here, but times in logs do, and what handlers and clients make of times.
 */
export function warnOfSkew(clock: RedisClock, log: Logger): void {
  let off = false;
  clock.onMeasured(() => {
    const { aheadMs } = clock;
    const isOff = Math.abs(aheadMs) > warnAboveMs;
    if (isOff && !off) {
      log.warn(
        { clockAheadMs: aheadMs },
        "the clock of this host differs from Redis's; deadlines and delays follow Redis's",
      );
    }
    off = isOff;
  });
}
