import type { Redis } from './access.ts';
import { redisOf } from './access.ts';
import { Connection } from './connection.ts';

/** Between two measurements, in ms. */
const everyMs = 5000;
/** Round trips of one measurement: the shortest of them says most. */
const trips = 3;

/**
 * The time in Redis, as one process knows it. All times that another process reads are in it: deadlines, delays, and
 * what records say. The hosts' own clocks may differ from it, and may be set while the process runs.
 *
 * It is kept as an offset to `performance.now()`, which no one sets. One `TIME` says only that the offset is between two
 * bounds, a round trip apart. The first measurement takes the lower one. Later, if the offset is outside of the bounds it is
 * moved to the nearer one, and not further: so a slow round trip moves nothing, a better one makes no deadline later, and
 * the offset is as exact as the fastest one. It is measured on each connection, since that
 * may be to another Redis, and every few seconds. No request waits for it, and none costs a command. While Redis is away
 * the offset stays as it is.
 *
 * Before the first measurement it is the process's own clock.
 */
export class RedisClock {
  readonly #redis: Pick<Redis, 'time'>;
  readonly #listeners = new Set<() => void>();
  /** Redis's time minus `performance.now()`, in ms. */
  #offset = Date.now() - performance.now();
  #measured = false;
  #measuring: Promise<void> | undefined;

  /** @param redis a connection on which nothing blocks. */
  constructor(redis: Pick<Redis, 'time'>) {
    this.#redis = redis;
  }

  /** The time in Redis, in whole ms since the epoch. */
  now(): number {
    return Math.floor(performance.now() + this.#offset);
  }

  /** How far the clock of this host is ahead of Redis's, in ms; negative if it is behind. */
  get aheadMs(): number {
    return Math.round(Date.now() - performance.now() - this.#offset);
  }

  /** When this process (or thread) began, in the time in Redis. */
  get began(): number {
    return Math.floor(this.#offset);
  }

  /**
   * When a time comes, by `performance.now()`. Who has a deadline of a request asks once, and keeps the answer: then no
   * later measurement makes the deadline later.
   * @param time in Redis, in ms since the epoch.
   */
  at(time: number): number {
    return time - this.#offset;
  }

  /** @returns a time in Redis by this host's own clock, for code that compares it with `Date.now()`. */
  toOwn(time: number): number {
    return Math.floor(this.at(time) - performance.now() + Date.now());
  }

  /** @returns a time by this host's own clock as a time in Redis. */
  fromOwn(time: number): number {
    return Math.ceil(time - Date.now() + performance.now() + this.#offset);
  }

  /** @param listener called after each measurement. */
  onMeasured(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /**
   * Measures the offset, which also happens by itself. Calls while that is under way share it.
   * @throws what `TIME` is refused with.
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
 * @param source a connection on which nothing blocks; as long as it is open, its clock is measured.
 * @returns the clock of the Redis that the connection is to; the same one each time.
 */
export function clockOf(source: Redis | Connection): RedisClock {
  const redis = source instanceof Connection ? redisOf(source) : source;
  let clock = clocks.get(redis);
  if (clock === undefined) clocks.set(redis, (clock = measured(redis)));
  return clock;
}

function measured(redis: Redis): RedisClock {
  const clock = new RedisClock(redis);
  // A Redis that is away, or that refuses: the next measurement makes up for it.
  const measure = (): void => void clock.measure().catch(() => undefined);
  if (redis.status === 'end') return clock;
  if (redis.status === 'ready') measure();
  redis.on('ready', measure);
  const timer = setInterval(() => {
    if (redis.status === 'ready') measure();
  }, everyMs);
  redis.once('end', () => clearInterval(timer));
  return clock;
}
