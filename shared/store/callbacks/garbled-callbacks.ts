import { parseObject } from '../../contract/json-object.ts';
import type { Logger } from '../../process/logger.ts';
import { SparseWarning } from '../../process/sparse-warning.ts';
import { CallbackNotes } from './callback-notes.ts';
import { isCallback } from '../../contract/callback.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { expectedOfQueue } from '../repair/expected-keys.ts';
import { KeyRepair, mayBeGarbled, nullIfWrongType } from '../repair/key-repair.ts';

/**
 * Why a callback is not sent. `garbled`: it cannot be read. `unsigned`: it has no code of a gateway, as those
 * of the release before. `forged`: its code does not match its content.
 */
export type CallbackFault = 'garbled' | 'unsigned' | 'forged';

/** How many jobs are checked after one error. */
const maxChecked = 200;

/**
 * Moves callbacks aside that cannot be read, or that no gateway has written. The records of their requests
 * say that the callbacks have failed.
 */
export class GarbledCallbacks {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #log: Logger;
  readonly #notes: CallbackNotes;
  readonly #repair: KeyRepair;
  readonly #forged: SparseWarning;

  constructor(connection: Connection, log: Logger) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#log = log;
    this.#notes = new CallbackNotes(connection);
    this.#repair = new KeyRepair(connection, log);
    this.#forged = new SparseWarning(log, 'a callback that no gateway has written was moved aside, not sent');
  }

  /** Keeps a copy of a job that was taken and will not be sent. The caller then finishes the job. */
  async keep(id: string, data: unknown, why: CallbackFault): Promise<void> {
    const key = this.#keys.bullMq(this.#keys.callbacks, id);
    await this.#repair.aside.taken(key, Buffer.from(JSON.stringify(data) ?? ''));
    if (why !== 'garbled') this.#forged.warn({ request: id, why });
    await this.#noteFailed(id, why);
  }

  /** Finds what an error of the queue may have been about; the error does not name the job. Never rejects. */
  async after(error: unknown): Promise<void> {
    const { callbacks } = this.#keys;
    if (!(error instanceof SyntaxError) && !mayBeGarbled(error)) return;
    if (await this.#repair.after(error, () => expectedOfQueue(this.#keys, callbacks))) return;
    try {
      const ids = await this.#redis.lrange(this.#keys.bullMq(callbacks, 'active'), 0, maxChecked - 1);
      for (const id of ids) await this.#check(id);
    } catch (failure) {
      this.#log.debug({ err: failure }, 'garbled callbacks were not looked for');
    }
  }

  async #check(id: string): Promise<void> {
    const text = await nullIfWrongType(this.#redis.hget(this.#keys.bullMq(this.#keys.callbacks, id), 'data'));
    if (text !== null && isCallback(parseObject(text))) return;
    await this.#repair.aside.callback(id);
    await this.#noteFailed(id, 'garbled');
  }

  #noteFailed(id: string, why: CallbackFault): Promise<void> {
    return this.#notes.note(id, 'failed', 0, why);
  }
}
