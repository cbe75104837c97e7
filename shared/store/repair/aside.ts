import { createHash, randomBytes } from 'node:crypto';
import type { Redis } from '../redis/access.ts';
import type { Keys } from '../keys/keys.ts';
import type { Logger } from '../../process/logger.ts';
import { clockOf } from '../redis/redis-clock.ts';
import { scriptsOn } from '../scripts/load.ts';
import { SparseWarning } from '../../process/sparse-warning.ts';

/** What is moved aside is kept so long, in ms, for someone to look at it. */
export const asideTtlMs = 7 * 86_400_000;
/** Of one replica, or of the ring, so much is kept at most; the oldest is deleted. */
const mostKept = 100;

let count = 0;

/** @returns how often this process has moved garbled data aside. */
export function movedAside(): number {
  return count;
}

/** A key as it was seen. */
export interface SeenKey {
  readonly key: string;
  /** As Redis names it. */
  readonly type: string;
  /** If it is a string. */
  readonly text?: string | Buffer | undefined;
}

/**
 * Moves data that ringpost cannot have written, or cannot read, out of the way: under a name of its own, where it
 * expires. That is logged with the name of the key, and never with what was in it.
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
   * Moves a whole key, if it is still as it was seen.
   * @param instead the string that the key is to have then.
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

  /** Keeps what was taken out of a list already. */
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
   * @param instead the value that it is to have then; the field is gone where none is given.
   */
  field(key: string, field: string, value: string, instead?: string): Promise<boolean> {
    return this.#part(key, field, instead === undefined ? 'remove' : 'replace', value, instead);
  }

  /** Copies a field of a hash, which somebody is about to write anew, if it still has that value. */
  copyOfField(key: string, field: string, value: string): Promise<boolean> {
    return this.#part(key, field, 'keep', value);
  }

  /**
   * Moves a job, and tells the gateways.
   * @param fence by which the caller serves the queue of the replica.
   * @returns whether there was one to be moved.
   */
  job(replica: string, id: string, fence: number): Promise<boolean> {
    const keys = this.#keys;
    const own = [keys.job(replica, id), keys.jobLock(replica, id), keys.unfinished(replica).active] as const;
    return this.#job([...own, keys.leaseFence(replica)], id, fence, wordOfJob(id));
  }

  /** Moves a callback job that cannot be read. */
  callback(id: string): Promise<boolean> {
    const own = (part: string): string => this.#keys.bullMq(this.#keys.callbacks, part);
    // Nobody has a lease on this queue.
    return this.#job([own(id), own(`${id}:lock`), own('active'), own('fence')], id, 0, '');
  }

  async #job(
    touched: readonly [job: string, lock: string, active: string, fence: string],
    id: string,
    fence: number,
    word: string,
  ): Promise<boolean> {
    const [key] = touched;
    const to = this.#nameFor(key);
    const run = scriptsOn(this.#redis);
    const { changes } = this.#keys;
    const moved = await run('set-job-aside', ...touched, to, fence, id, asideTtlMs, changes, word);
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

  /** It expires by itself if this fails. */
  async #note(key: string, to: string): Promise<void> {
    count += 1;
    this.#warning.warn({ key, aside: to });
    const { index } = this.#keys.aside(key);
    const type = await this.#redis.type(index);
    if (type !== 'zset' && type !== 'none') await this.#redis.unlink(index);
    await this.#redis.zadd(index, clockOf(this.#redis).now(), to);
    await this.#redis.pexpire(index, asideTtlMs);
    const surplus = (await this.#redis.zcard(index)) - mostKept;
    const oldest = surplus > 0 ? await this.#redis.zpopmin(index, surplus) : [];
    const names = oldest.filter((_, at) => at % 2 === 0);
    if (names.length > 0) await this.#redis.unlink(...names);
  }
}

const jobWord = 'aside ';

/** @returns what is said on the channel of changes when a job was moved aside. */
function wordOfJob(id: string): string {
  return `${jobWord}${id}`;
}

/** @returns the id of the request whose job was moved aside, if a message on the channel of changes says so. */
export function jobInWord(message: string): string | undefined {
  return message.startsWith(jobWord) ? message.slice(jobWord.length) : undefined;
}
