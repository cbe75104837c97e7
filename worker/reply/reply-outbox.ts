import { encodeBodyFrame, encodeReplyAfterBody, maxBodyFrameBytes } from '#shared/contract/frame.ts';
import type { Fenced } from '#shared/contract/fenced.ts';
import type { JobData } from '#shared/contract/job.ts';
import { problemReply } from '#shared/contract/problem.ts';
import { encodeReply } from '#shared/contract/reply.ts';
import type { ReplyFrame, ReplyHead, Run } from '#shared/contract/reply.ts';
import { endOf } from '#shared/contract/request-record.ts';
import type { RequestState } from '#shared/contract/request-record.ts';
import type { NotedEvent } from '#shared/contract/request-events.ts';
import type { Logger } from '#shared/process/logger.ts';
import { ValueLostError, ValueTooLongError } from '#shared/store/replies/large-values.ts';
import type { LargeValues } from '#shared/store/replies/large-values.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { RedisClock } from '#shared/store/redis/redis-clock.ts';
import type { WholeStream } from '#shared/store/streams/kept-entry.ts';
import { RequestSettler } from '#shared/store/records/request-settler.ts';
import type { HandlerReply } from '../handlers/handler.ts';
import type { Aftermath } from './aftermath.ts';
import { SupersededError } from './reply-pushes.ts';
import type { ReplyPush } from './reply-pushes.ts';

export interface ReplyOutboxOptions {
  readonly connection: Connection;
  /** By which the worker answers for a replica. */
  readonly lease: Fenced & { readonly holder: string };
  /** Pushes replies to gateways. */
  readonly pushes: ReplyPush;
  /** Writes large replies, so that nothing else waits behind them. */
  readonly large: LargeValues;
  /** What follows the end of a request that has a record. */
  readonly aftermath: Aftermath;
  /** Called when another worker answers for the replica. */
  readonly onSuperseded: () => void;
  readonly log: Logger;
}

/** A longer body of a reply goes into the inbox in a frame of its own, by a plain command. */
const maxInlineBytes = 16 * 1024;

/** The same for a reply that goes into no inbox, or to a gateway that knows no body frames. */
const maxScriptBytes = 64 * 1024;

/** Sends replies to the gateways that wait for them, or keeps them for clients that ask later. */
export class ReplyOutbox {
  readonly #options: ReplyOutboxOptions;
  readonly #settler: RequestSettler;
  readonly #clock: RedisClock;

  constructor(options: ReplyOutboxOptions) {
    this.#options = options;
    const { connection, lease, log } = options;
    this.#settler = new RequestSettler(connection, lease, log);
    this.#clock = clockOf(connection);
  }

  /**
   * Sends the reply to the gateway that waits for it, or keeps it for a client that asks later.
   * @param id the request's id.
   * @param run how it was run; undefined if its handler was not called.
   * @returns once Redis has the reply; rejects if Redis refuses it.
   * @throws {SupersededError} if another worker has taken the lease since.
   */
  push(id: string, job: JobData, reply: HandlerReply, run?: Run): Promise<void> {
    if (job.keepMs === undefined && job.gateway === '') return Promise.resolve();
    const { frames, keepMs, gateway } = job;
    const isFramed = keepMs === undefined && frames !== undefined;
    if (!isLonger(reply.body, isFramed ? maxInlineBytes : maxScriptBytes))
      return this.#pushSmall(id, job, reply, run);
    return isFramed && !isLonger(reply.body, maxBodyFrameBytes(frames))
      ? this.#pushFramed(gateway, id, reply, run)
      : this.#pushLarge(id, job, reply, run);
  }

  /** The bytes go by a plain command into the inbox, before the reply. */
  #pushFramed(gateway: string, id: string, reply: HandlerReply, run: Run | undefined): Promise<void> {
    const { lease, pushes } = this.#options;
    const body = typeof reply.body === 'string' ? Buffer.from(reply.body, 'utf8') : reply.body;
    const before = encodeBodyFrame(id, lease.fence, body);
    const frame = encodeReplyAfterBody(id, { ...reply, body }, lease.fence, run);
    return pushes.push(gateway, id, frame, before);
  }

  #pushSmall(id: string, job: JobData, reply: HandlerReply, run?: Run): Promise<void> {
    const { keepMs } = job;
    const frame = encodeReply(id, reply, false, run);
    if (keepMs === undefined) return this.#options.pushes.push(job.gateway, id, frame);
    return this.#settler.withRepair(id, () => this.#settle(id, job, keepMs, reply, frame));
  }

  /** A reply that Redis cannot hold ends its request too. */
  async #pushLarge(id: string, job: JobData, reply: HandlerReply, run?: Run): Promise<void> {
    const body = typeof reply.body === 'string' ? Buffer.from(reply.body, 'utf8') : reply.body;
    try {
      if (job.keepMs === undefined) await this.#pushStored(job.gateway, id, reply, body, run);
      else await this.#settleLarge(id, job, job.keepMs, { ...reply, body }, run);
    } catch (error) {
      if (!(error instanceof ValueTooLongError)) throw error;
      const detail = `Redis takes no value of the answer's ${body.length} bytes: ${error.message}`;
      await this.#pushSmall(id, job, problemReply('reply_too_large', detail), run);
    }
  }

  async #pushStored(
    gateway: string,
    id: string,
    reply: HandlerReply,
    body: Uint8Array,
    run: Run | undefined,
  ): Promise<void> {
    const { lease, pushes, large } = this.#options;
    await large.storeReplyBody(lease, id, body);
    await pushes.push(gateway, id, encodeReply(id, { ...reply, body }, true, run));
  }

  async #settleLarge(
    id: string,
    job: JobData,
    keepMs: number,
    reply: HandlerReply & { readonly body: Uint8Array },
    run: Run | undefined,
  ): Promise<void> {
    const head = Buffer.from(encodeReply(id, { ...reply, body: '' }, false, run));
    await this.#options.large.writeDraft(this.#options.lease, id, [head, reply.body]);
    await this.#settle(id, job, keepMs, reply);
  }

  /**
   * Notes that a kept stream is the whole answer of a request.
   * @param keepMs how long it is kept, in ms.
   * @returns `lost` if Redis has lost a part of it; then nothing was noted.
   * @throws {SupersededError} if another worker has taken the lease since.
   */
  keepStream(
    id: string,
    job: JobData,
    keepMs: number,
    head: ReplyHead,
    stream: WholeStream,
  ): Promise<'kept' | 'lost'> {
    return this.#settler.withRepair(id, async () => {
      try {
        await this.#settle(id, job, keepMs, head, undefined, stream);
        return 'kept';
      } catch (error) {
        if (error instanceof ValueLostError) return 'lost';
        throw error;
      }
    });
  }

  /** @param frame of the reply; undefined if it is in the draft, or is the kept stream. */
  async #settle(
    id: string,
    job: JobData,
    keepMs: number,
    head: ReplyHead,
    frame?: ReplyFrame,
    stream?: WholeStream,
  ): Promise<void> {
    const { lease, aftermath, onSuperseded } = this.#options;
    const { state, fields } = endOf(head, this.#clock.now());
    const settled = await this.#settler.settle(id, job, {
      state,
      event: endEvent(state, lease.holder),
      fields,
      keepMs,
      frame,
      ...(stream === undefined ? {} : { stream }),
    });
    switch (settled) {
      case 'superseded':
        onSuperseded();
        throw new SupersededError();
      case 'draftLost':
        throw new ValueLostError('the draft of the answer is lost');
      case 'streamLost':
        throw new ValueLostError('a part of the kept stream is lost');
      case 'settled':
      case 'endedBefore':
        // The job is still there until this is done: the worker that ends it after a crash does it again.
        return aftermath.follow(lease.replica, id, job, settled === 'settled' ? state : undefined);
      default:
        return settled satisfies never;
    }
  }
}

function endEvent(state: RequestState, worker: string): NotedEvent {
  return { kind: state === 'cancelled' || state === 'expired' ? state : 'ended', worker };
}

/** Whether a body has more bytes. Most are short, and their bytes need not be counted. */
function isLonger(body: Uint8Array | string, limit: number): boolean {
  if (typeof body !== 'string') return body.length > limit;
  return body.length * 3 > limit && Buffer.byteLength(body) > limit;
}
