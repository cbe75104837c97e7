import type { Logger } from '../../process/logger.ts';
import type { RedisClock } from './redis-clock.ts';

/** A clock that is off by more than this is warned about, in ms. */
const warnAboveMs = 1000;

/**
 * Warns once if the clock of this host is more than a second off, and again only if it was right in between.
 * Nothing in ringpost depends on that clock, but times in logs do, and the way handlers and clients use
 * times.
 */
export function warnOfSkew(clock: RedisClock, log: Logger): void {
  let off = false;
  clock.onMeasured(() => {
    const { aheadMs } = clock;
    const isOff = Math.abs(aheadMs) > warnAboveMs;
    if (isOff && !off) {
      log.warn(
        { clockAheadMs: aheadMs },
        'the clock of this host differs from Redis time; deadlines and delays follow Redis time',
      );
    }
    off = isOff;
  });
}
