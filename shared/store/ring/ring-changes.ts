import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { parseJobChange } from '../repair/aside.ts';
import { parseRepairRequest } from '../repair/key-repair.ts';

/** What a message on the channel of changes says. */
export type RingNotice =
  /** A leader has resigned. */
  | { readonly kind: 'resigned' }
  /** A worker asks for a repair that it may not make itself. */
  | { readonly kind: 'repair'; readonly error: Error; readonly names: readonly string[] }
  /** The job of this request could not be read, and was moved aside. */
  | { readonly kind: 'jobSetAside'; readonly request: string }
  /** Something changed. Readers find it in the keys. */
  | { readonly kind: 'changed' };

/** Listens to the channel on which every change of the ring is published. */
export class RingChanges {
  readonly #connection: Connection;

  /** @param connection a patient connection for subscriptions, which others may share. */
  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Calls `listener` for each message from now on. */
  async subscribe(listener: (notice: RingNotice) => void): Promise<void> {
    const redis = redisOf(this.#connection);
    const { changes } = keysOf(this.#connection);
    redis.on('message', (channel: string, message: string) => {
      if (channel === changes) listener(parseRingNotice(message));
    });
    await redis.subscribe(changes);
  }
}

/** @param message on the channel of changes. */
export function parseRingNotice(message: string): RingNotice {
  if (message === 'leader') return { kind: 'resigned' };
  const request = parseJobChange(message);
  if (request !== undefined) return { kind: 'jobSetAside', request };
  const repair = parseRepairRequest(message);
  return repair === undefined ? { kind: 'changed' } : { kind: 'repair', ...repair };
}
