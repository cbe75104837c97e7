import type { RedisClock } from '#shared/store/redis/redis-clock.ts';
import type { Memory } from './plan.ts';

/** A larger difference is no error of measurement: the clock was set, or this is another Redis. In ms. */
const toleranceMs = 500;

/**
 * The time of the controller's passes: Redis time, since other processes read the times that the controller
 * writes. If Redis's clock is set, the times in the controller's memory move with it, so that no replica
 * waits longer for that.
 */
export class PassTime {
  readonly #clock: Pick<RedisClock, 'now'>;
  readonly #local: () => number;
  #last: { readonly now: number; readonly local: number } | undefined;

  /** @param local ms by a monotonic clock. */
  constructor(clock: Pick<RedisClock, 'now'>, local: () => number = () => performance.now()) {
    this.#clock = clock;
    this.#local = local;
  }

  /** @returns the time of this pass, and the memory of the last pass in that time. */
  begin(memory: Memory): { readonly now: number; readonly memory: Memory } {
    const { now, local } = { now: this.#clock.now(), local: this.#local() };
    const setByMs =
      this.#last === undefined ? 0 : Math.round(now - this.#last.now - (local - this.#last.local));
    this.#last = { now, local };
    return { now, memory: Math.abs(setByMs) > toleranceMs ? moved(memory, setByMs) : memory };
  }
}

function moved(memory: Memory, ms: number): Memory {
  return new Map(
    Array.from(memory, ([name, status]) => {
      const { since, lostAt } = status;
      return [
        name,
        { ...status, since: since + ms, ...(lostAt === undefined ? {} : { lostAt: lostAt + ms }) },
      ];
    }),
  );
}
