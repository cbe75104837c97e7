import { createHash, randomBytes } from 'node:crypto';
import type { Redis } from '../redis/access.ts';
import type { Keys } from '../keys/keys.ts';
import type { Logger } from '../../process/logger.ts';
import { clockOf } from '../redis/redis-clock.ts';
import { scriptsOn } from '../scripts/load.ts';
import { SparseWarning } from '../../process/sparse-warning.ts';

/** How long data that was moved aside is kept for people to examine, in ms. */
export const asideTtlMs = 7 * 86_400_000;
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
 * Moves data that ringpost cannot have written, or cannot read, to a key of its own, where it expires. The
 * log says the name of the key, but never its content.
 */
export class Aside {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #warning: SparseWarning;

  constructor(redis: Redis, keys: Keys, log: Logger) {
    this.#redis = redis;
    this.#keys = keys;
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
    const run = scriptsOn(this.#redis);
    const moved = (await run('set-key-aside', key, to, type, digest, asideTtlMs, instead)) === 1;
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
    const keys = this.#keys;
    const own = [keys.job(replica, id), keys.jobLock(replica, id), keys.unfinished(replica).active] as const;
    return this.#job([...own, keys.leaseFence(replica)], id, fence, jobChangeMessage(id));
  }

  /** Moves a callback job that cannot be read. */
  callback(id: string): Promise<boolean> {
    const own = (part: string): string => this.#keys.bullMq(this.#keys.callbacks, part);
    // There is no lease on this queue.
    return this.#job([own(id), own(`${id}:lock`), own('active'), own('fence')], id, 0, '');
  }

  async #job(
    touched: readonly [job: string, lock: string, active: string, fence: string],
    id: string,
    fence: number,
    message: string,
  ): Promise<boolean> {
    const [key] = touched;
    const to = this.#nameFor(key);
    const run = scriptsOn(this.#redis);
    const { changes } = this.#keys;
    const moved = await run('set-job-aside', ...touched, to, fence, id, asideTtlMs, changes, message);
    if (moved === 1) await this.#note(key, to);
    return moved === 1;
  }

  async #part(
    key: string,
    member: string,
    how: 'set' | 'remove' | 'keep' | 'replace',
    value: string,
    instead = '',
  ): Promise<boolean> {
    const to = this.#nameFor(key);
    const run = scriptsOn(this.#redis);
    const moved = (await run('set-member-aside', key, to, member, asideTtlMs, how, value, instead)) === 1;
    if (moved) await this.#note(key, to);
    return moved;
  }

  #nameFor(key: string): string {
    return this.#keys.aside(key).entry(`${clockOf(this.#redis).now()}-${randomBytes(3).toString('hex')}`);
  }

  /** Counts, logs and indexes a key that was moved. If this fails, the key still expires. */
  async #note(key: string, to: string): Promise<void> {
    count += 1;
    this.#warning.warn({ key, aside: to });
    const { index } = this.#keys.aside(key);
    const type = await this.#redis.type(index);
    if (type !== 'zset' && type !== 'none') await this.#redis.unlink(index);
    await this.#redis.zadd(index, clockOf(this.#redis).now(), to);
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
