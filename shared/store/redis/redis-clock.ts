import { inStep } from '../../process/in-step.ts';
import type { Redis } from './access.ts';
import { redisOf } from './access.ts';
import type { Connection } from './connection.ts';

/** The time between two measurements, in ms. */
const intervalMs = 5000;
/** Round trips of one measurement. The shortest one gives the closest bounds. */
const trips = 3;

/**
 * Redis time, as this process knows it. All times that other processes read are in Redis time: deadlines,
 * delays, and the times in records. The clocks of hosts may differ from it, and may be changed while the
 * process runs.
 *
 * It is kept as an offset to `performance.now()`, a clock that nobody can change. One `TIME` gives a lower
 * and an upper bound of the offset, a round trip apart. The first measurement takes the lower bound. Later,
 * an offset outside of the bounds moves to the nearer bound.
 *
 * So a slow round trip moves nothing, and the offset is as exact as the fastest one. It is measured on each
 * new connection, which may be to another Redis, and every few seconds. No request waits for that. While
 * Redis is away the offset stays as it is. Before the first measurement it is that of the process's own
 * clock.
 */
export class RedisClock {
  readonly #redis: Pick<Redis, 'time'>;
  readonly #listeners = new Set<() => void>();
  /** Redis time minus `performance.now()`, in ms. */
  #offset = Date.now() - performance.now();
  #measured = false;
  #measuring: Promise<void> | undefined;

  /** @param redis a connection on which nothing blocks. */
  constructor(redis: Pick<Redis, 'time'>) {
    this.#redis = redis;
  }

  /** @returns Redis time, in whole ms since the epoch. */
  now(): number {
    return Math.floor(performance.now() + this.#offset);
  }

  /** How far the clock of this host is ahead of Redis time, in ms; negative if it is behind. */
  get aheadMs(): number {
    return Math.round(Date.now() - performance.now() - this.#offset);
  }

  /** When this process or thread started, in Redis time. */
  get started(): number {
    return Math.floor(this.#offset);
  }

  /**
   * Translates a time once and for all: a caller that keeps the result has a deadline that later measurements
   * do not move.
   * @param time in Redis time, in ms since the epoch.
   * @returns the same time on the `performance.now()` clock.
   */
  at(time: number): number {
    return time - this.#offset;
  }

  /** Translates Redis time to this host's clock, for code that compares it with `Date.now()`. */
  toOwn(time: number): number {
    return Math.floor(this.at(time) - performance.now() + Date.now());
  }

  /** Translates a time of this host's clock to Redis time. */
  fromOwn(time: number): number {
    return Math.ceil(time - Date.now() + performance.now() + this.#offset);
  }

  /** @param listener is called after each measurement. */
  onMeasured(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /**
   * Measures the offset now; this also happens at intervals. Concurrent calls share one measurement.
   * @throws the error of `TIME`.
   */
  measure(): Promise<void> {
    this.#measuring ??= this.#measure().finally(() => {
      this.#measuring = undefined;
    });
    return this.#measuring;
  }

  async #measure(): Promise<void> {
    for (let trip = 0; trip < trips; trip += 1) {
      const before = performance.now();
      const [seconds, micros] = await this.#redis.time();
      const after = performance.now();
      const time = Number(seconds) * 1000 + Number(micros) / 1000;
      const known = this.#measured ? this.#offset : Number.NEGATIVE_INFINITY;
      this.#offset = Math.min(Math.max(known, time - after), time - before);
      this.#measured = true;
    }
    for (const listener of this.#listeners) listener();
  }
}

const clocks = new WeakMap<Redis, RedisClock>();

/**
 * @param connection a connection on which nothing blocks. Its clock is measured for as long as it is open.
 * @returns the clock of the connection's Redis; the same object each time.
 */
export function clockOf(connection: Connection): RedisClock {
  const redis = redisOf(connection);
  let clock = clocks.get(redis);
  if (clock === undefined) clocks.set(redis, (clock = measured(redis)));
  return clock;
}

function measured(redis: Redis): RedisClock {
  const clock = new RedisClock(redis);
  // If Redis is away or refuses, the next measurement makes up for it.
  const measure = (): void => void clock.measure().catch(() => undefined);
  if (redis.status === 'end') return clock;
  if (redis.status === 'ready') measure();
  redis.on('ready', measure);
  const end = inStep(intervalMs, () => {
    if (redis.status === 'ready') measure();
  });
  redis.once('end', end);
  return clock;
}
