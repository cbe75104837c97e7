import type { RedisClock } from '#shared/store/redis/redis-clock.ts';
import type { Memory } from './plan.ts';

/** A difference that measuring makes, in ms; more is a clock that was set, or another Redis. */
const measuringMs = 500;

/**
 * The time of the controller's passes, which is Redis's: others read what the controller writes of times, and it reads theirs.
 * If Redis's clock is set, the times in the controller's memory move with it: no replica waits for that.
 */
export class PassTime {
  readonly #clock: Pick<RedisClock, 'now'>;
  readonly #local: () => number;
  #last: { readonly now: number; readonly local: number } | undefined;

  /** @param local ms by a clock that nobody sets. */
  constructor(clock: Pick<RedisClock, 'now'>, local: () => number = () => performance.now()) {
    this.#clock = clock;
    this.#local = local;
  }

  /** @returns the time of this pass, and what is remembered from the pass before. */
  begin(memory: Memory): { readonly now: number; readonly memory: Memory } {
    const { now, local } = { now: this.#clock.now(), local: this.#local() };
    const setByMs =
      this.#last === undefined ? 0 : Math.round(now - this.#last.now - (local - this.#last.local));
    this.#last = { now, local };
    return { now, memory: Math.abs(setByMs) > measuringMs ? moved(memory, setByMs) : memory };
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
