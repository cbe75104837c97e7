import type { Redis } from 'ioredis';
import { asBuffer, inlineBodyLimit } from '#shared/contract/body.ts';
import type { JobData } from '#shared/contract/job.ts';
import { encodeReply } from '#shared/contract/reply.ts';
import { endOf, recordTtlMs } from '#shared/contract/request-record.ts';
import { expectedOfFence, expectedOfQueue, expectedOfRequest } from '#shared/expected-keys.ts';
import type { ExpectedKey } from '#shared/expected-keys.ts';
import { KeyRepair } from '#shared/key-repair.ts';
import type { Keys } from '#shared/keys.ts';
import type { Logger } from '#shared/logger.ts';
import { scriptsOn } from '#shared/scripts/load.ts';
import type { HandlerReply } from './handlers/handler.ts';
import type { Aftermath } from './aftermath.ts';
import { inboxTtlMs, SupersededError } from './reply-pushes.ts';
import type { Fenced, ReplyPush } from './reply-pushes.ts';

export interface ReplyOutboxOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** By which the worker answers for a replica. */
  readonly lease: Fenced;
  /** What carries replies to gateways. */
  readonly pushes: ReplyPush;
  /** What follows the end of a request that has a record. */
  readonly aftermath: Aftermath;
  /** Called when another worker answers for the replica. */
  readonly onSuperseded: () => void;
  readonly log: Logger;
}

/** Sends replies to the gateways that wait for them, or keeps them where they may be asked for later. */
export class ReplyOutbox {
  readonly #options: ReplyOutboxOptions;
  readonly #repair: KeyRepair;

  constructor(options: ReplyOutboxOptions) {
    this.#options = options;
    const { redis, keys, log } = options;
    this.#repair = new KeyRepair(redis, keys, log);
  }

  /**
   * Sends the reply to the gateway that waits for it, or keeps it where it may be asked for later.
   * @param id the request's id.
   * @returns once Redis has the reply; rejects when it refuses it.
   * @throws {SupersededError} when another worker has taken the lease since.
   */
  push(id: string, job: JobData, reply: HandlerReply): Promise<void> {
    const { keepMs } = job;
    if (keepMs !== undefined) {
      return this.#repair.mending(
        () => this.#settle(id, job, keepMs, reply),
        () => this.#expected(id),
      );
    }
    if (job.gateway === '') return Promise.resolve();
    if (bytesOf(reply.body) > inlineBodyLimit) return this.#pushStored(job.gateway, id, reply);
    return this.#options.pushes.push(job.gateway, id, encodeReply(id, reply));
  }

  async #settle(id: string, job: JobData, keepMs: number, reply: HandlerReply): Promise<void> {
    const { redis, keys, lease, aftermath, onSuperseded } = this.#options;
    const { replica, fence } = lease;
    const { state, fields } = endOf(reply, Date.now());
    const settled = await scriptsOn(redis)(
      'settle-request',
      keys.request(replica, id),
      keys.keptReply(replica, id),
      keys.leaseFence(replica),
      fence,
      keepMs,
      recordTtlMs(keepMs),
      keys.requestChanges(id),
      encodeReply(id, reply),
      state,
      ...fields,
    );
    if (settled === -1) {
      onSuperseded();
      throw new SupersededError('another worker has taken the lease');
    }
    // The job is there as long as this was not done: whoever ends it after a crash does it again.
    await aftermath.follow(replica, id, job, settled === 1 ? state : undefined);
  }

  #expected(id: string): ExpectedKey[] {
    const { keys, lease } = this.#options;
    const { replica } = lease;
    return [
      ...expectedOfRequest(keys, replica, id),
      expectedOfFence(keys, replica),
      ...expectedOfQueue(keys, keys.callbacks),
    ];
  }

  async #pushStored(gateway: string, id: string, reply: HandlerReply): Promise<void> {
    const { redis, keys, lease, pushes } = this.#options;
    const key = keys.replyBody(lease.replica, id);
    const { body } = reply;
    await redis.set(key, typeof body === 'string' ? body : asBuffer(body), 'PX', inboxTtlMs);
    await pushes.push(gateway, id, encodeReply(id, reply, true));
  }
}

/** Those of a string in UTF-8: up to three for each of its units. */
function bytesOf(body: Uint8Array | string): number {
  if (typeof body !== 'string') return body.length;
  return body.length * 3 <= inlineBodyLimit ? body.length : Buffer.byteLength(body);
}
