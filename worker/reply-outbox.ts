import type { Redis } from 'ioredis';
import type { HttpReply } from '#shared/contract/http.ts';
import { inlineBodyLimit } from '#shared/contract/body.ts';
import type { JobData } from '#shared/contract/job.ts';
import { encodeReply } from '#shared/contract/reply.ts';
import { endOf, recordTtlMs } from '#shared/contract/request-record.ts';
import type { Keys } from '#shared/keys.ts';
import { scriptsOn } from '#shared/scripts/load.ts';
import type { RunScript } from '#shared/scripts/load.ts';
import type { Aftermath } from './aftermath.ts';

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
const inboxTtlMs = 60_000;
/** Frames in one call; Lua's `unpack` takes some thousands. */
const mostFrames = 1000;

/** Sends replies to the gateways that wait for them; those of one turn of the event loop to one gateway in one call. */
export class ReplyOutbox {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #replica: string;
  readonly #run: RunScript;
  readonly #lease: Fenced;
  readonly #aftermath: Aftermath;
  readonly #onSuperseded: () => void;
  readonly #parcels = new Map<string, Parcel[]>();

  /**
   * @param lease by which the worker answers for a replica.
   * @param aftermath what follows the end of a request that has a record.
   * @param onSuperseded called when another worker answers for the replica.
   */
  constructor(redis: Redis, keys: Keys, lease: Fenced, aftermath: Aftermath, onSuperseded: () => void) {
    this.#redis = redis;
    this.#keys = keys;
    this.#replica = lease.replica;
    this.#lease = lease;
    this.#aftermath = aftermath;
    this.#onSuperseded = onSuperseded;
    this.#run = scriptsOn(redis);
  }

  /**
   * Sends the reply to the gateway that waits for it, or keeps it where it may be asked for later.
   * @param id the request's id.
   * @returns once Redis has the reply; rejects when it refuses it.
   * @throws {SupersededError} when another worker has taken the lease since.
   */
  async push(id: string, job: JobData, reply: HttpReply): Promise<void> {
    if (job.keepMs !== undefined) await this.#settle(id, job, job.keepMs, reply);
    else if (job.gateway !== '') await this.#push(job.gateway, id, reply);
  }

  async #settle(id: string, job: JobData, keepMs: number, reply: HttpReply): Promise<void> {
    const keys = this.#keys;
    const replica = this.#replica;
    const { state, fields } = endOf(reply, Date.now());
    const settled = await this.#run(
      'settle-request',
      keys.request(replica, id),
      keys.keptReply(replica, id),
      keys.leaseFence(replica),
      this.#lease.fence,
      keepMs,
      recordTtlMs(keepMs),
      keys.requestChanges(id),
      encodeReply(id, reply),
      state,
      ...fields,
    );
    if (settled === -1) {
      this.#onSuperseded();
      throw new SupersededError('another worker has taken the lease');
    }
    // The job is there as long as this was not done: whoever ends it after a crash does it again.
    await this.#aftermath.follow(replica, id, job, settled === 1 ? state : undefined);
  }

  async #push(gateway: string, id: string, reply: HttpReply): Promise<void> {
    const stored = reply.body.length > inlineBodyLimit;
    if (stored) {
      const { buffer, byteOffset, byteLength } = reply.body;
      const key = this.#keys.replyBody(this.#replica, id);
      await this.#redis.set(key, Buffer.from(buffer, byteOffset, byteLength), 'PX', inboxTtlMs);
    }
    const frame = encodeReply(id, reply, stored);
    await new Promise<void>((resolve, reject) => {
      const done = (error?: unknown): void => (error === undefined ? resolve() : reject(error));
      if (this.#parcels.size === 0) setImmediate(() => this.#flush());
      const waiting = this.#parcels.get(gateway);
      if (waiting === undefined) this.#parcels.set(gateway, [{ frame, done }]);
      else waiting.push({ frame, done });
    });
  }

  #flush(): void {
    for (const [gateway, parcels] of this.#parcels) {
      const inbox = this.#keys.inbox(this.#replica, gateway);
      for (let at = 0; at < parcels.length; at += mostFrames) {
        const some = parcels.slice(at, at + mostFrames);
        this.#send(inbox, some);
      }
    }
    this.#parcels.clear();
  }

  #send(inbox: string, parcels: readonly Parcel[]): void {
    const current = this.#keys.leaseFence(this.#replica);
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
