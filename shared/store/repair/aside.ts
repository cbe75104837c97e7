import { createHash, randomBytes } from 'node:crypto';
import type { Logger } from '../../process/logger.ts';
import { SparseWarning } from '../../process/sparse-warning.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import { asideTtlMs, setJobAside, setKeyAside, setMemberAside } from '../scripts/aside.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';

/** The maximum number of keys that are kept for one replica, or for the ring. The oldest are deleted. */
const maxKept = 100;

let count = 0;

/** @returns how often this process has moved garbled data aside. */
export function movedAside(): number {
  return count;
}

/** A key as it was read. */
export interface SeenKey {
  readonly key: string;
  /** The type by Redis's name. */
  readonly type: string;
  /** The value, if the key is a string. */
  readonly text?: string | Buffer | undefined;
}

/**
 * Moves data that ringpost cannot have written, or cannot read, to its own key, where it expires. The
 * log says the name of the key, but never its content.
 */
export class Aside {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #clock: RedisClock;
  readonly #run: Run;
  readonly #warning: SparseWarning;

  constructor(connection: Connection, log: Logger) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#clock = clockOf(connection);
    this.#run = createRun(connection);
    this.#warning = new SparseWarning(log, 'garbled data in Redis was moved aside');
  }

  /**
   * Moves a whole key, if it has not changed since it was read.
   * @param instead the string that the key gets in its place.
   * @returns whether it was moved.
   */
  async key({ key, type, text }: SeenKey, instead = ''): Promise<boolean> {
    const to = this.#nameFor(key);
    const digest = text === undefined ? '' : createHash('sha1').update(text).digest('hex');
    const moved = await this.#run(setKeyAside, { key, to, type, digest, instead });
    if (moved) await this.#note(key, to);
    return moved;
  }

  /** Keeps an item that was already taken from a list. */
  async taken(key: string, value: Buffer): Promise<void> {
    const to = this.#nameFor(key);
    await this.#redis.set(to, value, 'PX', asideTtlMs);
    await this.#note(key, to);
  }

  /** Moves a member of a set. */
  member(key: string, member: string): Promise<boolean> {
    return this.#part(key, member, 'set', '');
  }

  /**
   * Moves a field of a hash, if it still has that value.
   * @param instead the value that the field gets in its place; without one, the field is removed.
   */
  field(key: string, field: string, value: string, instead?: string): Promise<boolean> {
    return this.#part(key, field, instead === undefined ? 'remove' : 'replace', value, instead);
  }

  /** Copies a field of a hash that is about to be overwritten, if it still has that value. */
  copyOfField(key: string, field: string, value: string): Promise<boolean> {
    return this.#part(key, field, 'keep', value);
  }

  /**
   * Moves a job, and tells the gateways.
   * @param fence the fence under which the caller serves the replica's queue.
   * @returns whether there was such a job.
   */
  job(replica: string, id: string, fence: number): Promise<boolean> {
    return this.#job(this.#keys.queue(replica), id, fence, jobChangeMessage(id));
  }

  /** Moves a callback job that cannot be read. */
  callback(id: string): Promise<boolean> {
    // There is no lease on this queue.
    return this.#job(this.#keys.callbacks, id, 0, '');
  }

  async #job(queue: string, id: string, fence: number, message: string): Promise<boolean> {
    const key = this.#keys.bullMq(queue, id);
    const to = this.#nameFor(key);
    const moved = await this.#run(setJobAside, { queue, id, to, fence, message });
    if (moved) await this.#note(key, to);
    return moved;
  }

  async #part(
    key: string,
    member: string,
    how: 'set' | 'remove' | 'keep' | 'replace',
    value: string,
    instead = '',
  ): Promise<boolean> {
    const to = this.#nameFor(key);
    const moved = await this.#run(setMemberAside, { key, to, member, how, value, instead });
    if (moved) await this.#note(key, to);
    return moved;
  }

  #nameFor(key: string): string {
    return this.#keys.aside(key).entry(`${this.#clock.now()}-${randomBytes(3).toString('hex')}`);
  }

  /** Counts, logs and indexes a key that was moved. If this fails, the key still expires. */
  async #note(key: string, to: string): Promise<void> {
    count += 1;
    this.#warning.warn({ key, aside: to });
    const { index } = this.#keys.aside(key);
    const type = await this.#redis.type(index);
    if (type !== 'zset' && type !== 'none') await this.#redis.unlink(index);
    await this.#redis.zadd(index, this.#clock.now(), to);
    await this.#redis.pexpire(index, asideTtlMs);
    const surplus = (await this.#redis.zcard(index)) - maxKept;
    const oldest = surplus > 0 ? await this.#redis.zpopmin(index, surplus) : [];
    const names = oldest.filter((_, at) => at % 2 === 0);
    if (names.length > 0) await this.#redis.unlink(...names);
  }
}

const jobPrefix = 'aside ';

/** @returns the message on the channel of changes that says that a job was moved aside. */
function jobChangeMessage(id: string): string {
  return `${jobPrefix}${id}`;
}

/**
 * @returns the id of the request whose job was moved aside, if a message on the channel of changes says so.
 */
export function parseJobChange(message: string): string | undefined {
  return message.startsWith(jobPrefix) ? message.slice(jobPrefix.length) : undefined;
}
