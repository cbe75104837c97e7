import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { isCallback } from '#shared/store/callbacks.ts';
import { expectedOfQueue } from '#shared/store/repair/expected-keys.ts';
import { parseObject } from '#shared/contract/json-object.ts';
import { KeyRepair, mayBeGarbled, orNull } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { SparseWarning } from '#shared/process/sparse-warning.ts';
import { noteCallback } from './callback-notes.ts';

/**
 * Why a callback is not sent: it cannot be read; it has no code of a gateway, as those of the release before; its code is
 * not that of what is in it.
 */
export type CallbackFault = 'garbled' | 'unsigned' | 'forged';

/** Jobs that are looked at after one error. */
const mostLookedAt = 200;

/**
 * Callbacks that cannot be read, or that no gateway has written, are moved aside. The records of their requests say that
 * they have failed.
 */
export class GarbledCallbacks {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #log: Logger;
  readonly #repair: KeyRepair;
  readonly #forged: SparseWarning;

  constructor(redis: Redis, keys: Keys, log: Logger) {
    this.#redis = redis;
    this.#keys = keys;
    this.#log = log;
    this.#repair = new KeyRepair(redis, keys, log);
    this.#forged = new SparseWarning(log, 'a callback that no gateway has written was moved aside, not sent');
  }

  /**
   * A job that BullMQ has read and we do not send: a copy is kept, and the job comes to its end.
   * @param why it is not sent; its request's record says so.
   */
  async keep(job: Job<unknown>, why: CallbackFault): Promise<void> {
    const id = job.id ?? '';
    const key = this.#keys.bullMq(this.#keys.callbacks, id);
    await this.#repair.aside.taken(key, Buffer.from(JSON.stringify(job.data) ?? ''));
    if (why !== 'garbled') this.#forged.warn({ request: id, why });
    await this.#noteFailed(id, why);
  }

  /** Call this after an error of BullMQ's worker; the error does not name the job. Never rejects. */
  async after(error: unknown): Promise<void> {
    const { callbacks } = this.#keys;
    if (!(error instanceof SyntaxError) && !mayBeGarbled(error)) return;
    if (await this.#repair.after(error, () => expectedOfQueue(this.#keys, callbacks))) return;
    try {
      const ids = await this.#redis.lrange(this.#keys.bullMq(callbacks, 'active'), 0, mostLookedAt - 1);
      for (const id of ids) await this.#lookAt(id);
    } catch (failure) {
      this.#log.debug({ err: failure }, 'garbled callbacks were not looked for');
    }
  }

  async #lookAt(id: string): Promise<void> {
    const text = await orNull(this.#redis.hget(this.#keys.bullMq(this.#keys.callbacks, id), 'data'));
    if (text !== null && isCallback(parseObject(text))) return;
    await this.#repair.aside.callback(id);
    await this.#noteFailed(id, 'garbled');
  }

  async #noteFailed(id: string, why: CallbackFault): Promise<void> {
    await noteCallback(this.#redis, this.#keys, id, 'failed', 0, why);
  }
}
