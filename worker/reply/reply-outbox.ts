import type { Redis } from 'ioredis';
import { inlineBodyLimit } from '#shared/contract/body.ts';
import type { JobData } from '#shared/contract/job.ts';
import { problemReply } from '#shared/contract/problem.ts';
import { encodeReply } from '#shared/contract/reply.ts';
import type { ReplyFrame } from '#shared/contract/reply.ts';
import { endOf, recordTtlMs } from '#shared/contract/request-record.ts';
import { expectedOfFence, expectedOfQueue, expectedOfRequest } from '#shared/store/repair/expected-keys.ts';
import type { ExpectedKey } from '#shared/store/repair/expected-keys.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { scriptsOn } from '#shared/store/scripts/load.ts';
import type { HandlerReply } from '../handlers/handler.ts';
import type { Aftermath } from './aftermath.ts';
import { ValueLostError, ValueTooLongError } from './large-values.ts';
import type { LargeValues } from './large-values.ts';
import { inboxTtlMs, SupersededError } from './reply-pushes.ts';
import type { Fenced, ReplyPush } from './reply-pushes.ts';

export interface ReplyOutboxOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** By which the worker answers for a replica. */
  readonly lease: Fenced;
  /** What carries replies to gateways. */
  readonly pushes: ReplyPush;
  /** What large answers travel on, so that nothing else waits behind them. */
  readonly large: LargeValues;
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
    this.#repair = new KeyRepair(redis, keys, log, 'worker');
  }

  /**
   * Sends the reply to the gateway that waits for it, or keeps it where it may be asked for later.
   * @param id the request's id.
   * @returns once Redis has the reply; rejects when it refuses it.
   * @throws {SupersededError} when another worker has taken the lease since.
   */
  push(id: string, job: JobData, reply: HandlerReply): Promise<void> {
    if (job.keepMs === undefined && job.gateway === '') return Promise.resolve();
    return isLarge(reply.body) ? this.#pushLarge(id, job, reply) : this.#pushSmall(id, job, reply);
  }

  #pushSmall(id: string, job: JobData, reply: HandlerReply): Promise<void> {
    const { keepMs } = job;
    if (keepMs !== undefined) {
      return this.#repair.mending(
        () => this.#settle(id, job, keepMs, reply, encodeReply(id, reply)),
        () => this.#expected(id),
      );
    }
    return this.#options.pushes.push(job.gateway, id, encodeReply(id, reply));
  }

  /** An answer that Redis cannot hold ends its request all the same. */
  async #pushLarge(id: string, job: JobData, reply: HandlerReply): Promise<void> {
    const body = typeof reply.body === 'string' ? Buffer.from(reply.body, 'utf8') : reply.body;
    try {
      if (job.keepMs === undefined) await this.#pushStored(job.gateway, id, reply, body);
      else await this.#settleLarge(id, job, job.keepMs, reply, body);
    } catch (error) {
      if (!(error instanceof ValueTooLongError)) throw error;
      const detail = `Redis takes no value of the answer's ${body.length} bytes: ${error.message}`;
      await this.#pushSmall(id, job, problemReply('reply_too_large', detail));
    }
  }

  async #pushStored(gateway: string, id: string, reply: HandlerReply, body: Uint8Array): Promise<void> {
    const { keys, lease, pushes, large } = this.#options;
    const { replica, fence } = lease;
    const draft = keys.replyDraft(replica, id, fence);
    await large.replace(keys.replyBody(replica, id), draft, body, inboxTtlMs);
    await pushes.push(gateway, id, encodeReply(id, reply, true));
  }

  async #settleLarge(
    id: string,
    job: JobData,
    keepMs: number,
    reply: HandlerReply,
    body: Uint8Array,
  ): Promise<void> {
    const { keys, lease, large } = this.#options;
    const head = Buffer.from(encodeReply(id, { ...reply, body: '' }));
    const draft = keys.replyDraft(lease.replica, id, lease.fence);
    await large.writeDraft(draft, [head, body]);
    await this.#settle(id, job, keepMs, reply, '');
  }

  /** @param frame of the reply; empty if it is in the draft. */
  async #settle(
    id: string,
    job: JobData,
    keepMs: number,
    reply: HandlerReply,
    frame: ReplyFrame,
  ): Promise<void> {
    const { redis, keys, lease, aftermath, onSuperseded } = this.#options;
    const { replica, fence } = lease;
    const { state, fields } = endOf(reply, clockOf(redis).now());
    const settled = await scriptsOn(redis)(
      'settle-request',
      keys.request(replica, id),
      keys.keptReply(replica, id),
      keys.leaseFence(replica),
      keys.replyDraft(replica, id, fence),
      fence,
      keepMs,
      recordTtlMs(keepMs),
      keys.requestChanges(id),
      frame,
      state,
      ...fields,
      ...(job.caller === undefined ? [] : ['caller', job.caller]),
    );
    if (settled === -1) {
      onSuperseded();
      throw new SupersededError('another worker has taken the lease');
    }
    if (settled === -2) throw new ValueLostError('the draft of the answer is lost');
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
}

/**
 * Whether a body is too large to travel with its frame. Most are short, and their bytes need not be counted.
 */
function isLarge(body: Uint8Array | string): boolean {
  if (typeof body !== 'string') return body.length > inlineBodyLimit;
  return body.length * 3 > inlineBodyLimit && Buffer.byteLength(body) > inlineBodyLimit;
}
