import type { Redis } from 'ioredis';
import type { Keys } from '#shared/keys.ts';
import { scriptsOn } from '#shared/scripts/load.ts';
import type { RunScript } from '#shared/scripts/load.ts';
import type { ReplyPush } from './reply-outbox.ts';

interface Parcel {
  readonly frame: Buffer;
  readonly done: (error?: unknown) => void;
}

/** Another worker answers for the replica by now; nothing was sent. */
export class SupersededError extends Error {
  override readonly name = 'SupersededError';
}

/** What is needed of a lease to be refused once another worker has taken it. */
export interface Fenced {
  readonly replica: string;
  readonly fence: number;
}

/** An inbox that its gateway does not read any more is gone after this time, in ms. */
export const inboxTtlMs = 60_000;
/** Frames in one call; Lua's `unpack` takes some thousands. */
const mostFrames = 1000;

/** Pushes replies by a script of its own; those of one turn of the event loop to one gateway in one call. */
export class ReplyPushes implements ReplyPush {
  readonly #keys: Keys;
  readonly #run: RunScript;
  readonly #lease: Fenced;
  readonly #onSuperseded: () => void;
  readonly #parcels = new Map<string, Parcel[]>();

  /**
   * @param lease by which the worker answers for a replica.
   * @param onSuperseded called when another worker answers for the replica.
   */
  constructor(redis: Redis, keys: Keys, lease: Fenced, onSuperseded: () => void) {
    this.#keys = keys;
    this.#lease = lease;
    this.#onSuperseded = onSuperseded;
    this.#run = scriptsOn(redis);
  }

  push(gateway: string, _id: string, frame: Buffer): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const done = (error?: unknown): void => (error === undefined ? resolve() : reject(error));
      if (this.#parcels.size === 0) setImmediate(() => this.#flush());
      const waiting = this.#parcels.get(gateway);
      if (waiting === undefined) this.#parcels.set(gateway, [{ frame, done }]);
      else waiting.push({ frame, done });
    });
  }

  #flush(): void {
    for (const [gateway, parcels] of this.#parcels) {
      const inbox = this.#keys.inbox(this.#lease.replica, gateway);
      for (let at = 0; at < parcels.length; at += mostFrames) {
        this.#send(inbox, parcels.slice(at, at + mostFrames));
      }
    }
    this.#parcels.clear();
  }

  #send(inbox: string, parcels: readonly Parcel[]): void {
    const current = this.#keys.leaseFence(this.#lease.replica);
    const frames = parcels.map(({ frame }) => frame);
    this.#run('push-replies', inbox, current, this.#lease.fence, inboxTtlMs, ...frames).then(
      (sent) => {
        if (sent !== 1) this.#onSuperseded();
        const error = sent === 1 ? undefined : new SupersededError('another worker has taken the lease');
        parcels.forEach(({ done }) => done(error));
      },
      (error: unknown) => parcels.forEach(({ done }) => done(error)),
    );
  }
}
