import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { isCallback } from '#shared/callbacks.ts';
import { expectedOfQueue } from '#shared/expected-keys.ts';
import { parseObject } from '#shared/json-object.ts';
import { KeyRepair, mayBeGarbled, orNull } from '#shared/key-repair.ts';
import type { Keys } from '#shared/keys.ts';
import type { Logger } from '#shared/logger.ts';
import { noteCallback } from './callback-notes.ts';

/** Jobs that are looked at after one error. */
const mostLookedAt = 200;

/** Callbacks that cannot be read are moved aside; their requests' records say that they have failed. */
export class GarbledCallbacks {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #log: Logger;
  readonly #repair: KeyRepair;

  constructor(redis: Redis, keys: Keys, log: Logger) {
    this.#redis = redis;
    this.#keys = keys;
    this.#log = log;
    this.#repair = new KeyRepair(redis, keys, log);
  }

  /** A job that BullMQ has read and we cannot: a copy is kept, and the job comes to its end. */
  async keep(job: Job<unknown>): Promise<void> {
    const id = job.id ?? '';
    const key = this.#keys.bullMq(this.#keys.callbacks, id);
    await this.#repair.aside.taken(key, Buffer.from(JSON.stringify(job.data) ?? ''));
    await this.#noteFailed(id);
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
    await this.#noteFailed(id);
  }

  async #noteFailed(id: string): Promise<void> {
    await noteCallback(this.#redis, this.#keys, id, 'failed', 0, 'garbled');
  }
}
