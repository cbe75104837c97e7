import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { promoteCallback } from '#shared/store/callbacks.ts';
import type { CallbackData } from '#shared/store/callbacks.ts';
import type { DeadLetterSummary } from '#shared/contract/dead-letter.ts';
import { storedBody } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import { redact, redactTarget } from '#shared/contract/redaction.ts';
import type { Redaction } from '#shared/contract/redaction.ts';
import { decodeReply, encodeReply, headOf } from '#shared/contract/reply.ts';
import type { ReplyFrame } from '#shared/contract/reply.ts';
import { readRecord } from '#shared/contract/request-record.ts';
import type { RequestState } from '#shared/contract/request-record.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { LargeValues } from './large-values.ts';
import { openCallbackQueue } from '#shared/store/open-queue.ts';

export interface AftermathOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Time in ms for which dead letters are kept. */
  readonly failedTtlMs: number;
  /** What dead letters do not keep. */
  readonly redaction: Redaction;
  /** Whether dead letters keep bodies. */
  readonly deadLetterBodies: 'keep' | 'none';
  /** What large request bodies travel on. */
  readonly large: LargeValues;
  readonly log: Logger;
}

/** A dead letter keeps an answer of so many bytes at most: it is there to tell what went wrong. */
const mostReplyBytes = 512 * 1024;

/** Such an end is that of work which has failed for good. */
const failures: ReadonlySet<RequestState> = new Set(['failed', 'expired']);

/**
 * What follows the end of a request that has a record: one that has failed for good becomes a dead letter, and its
 * callback is called. It may be done twice, after a crash, and is then what it was.
 */
export class Aftermath {
  readonly #options: AftermathOptions;
  #callbacks: Queue<CallbackData> | undefined;

  constructor(options: AftermathOptions) {
    this.#options = options;
  }

  /**
   * To be called before the job is gone.
   * @param state in which the request has ended; undefined where its record has to be asked, since it ended before.
   */
  async follow(replica: string, id: string, job: JobData, state: RequestState | undefined): Promise<void> {
    if (state === undefined || failures.has(state)) await this.#file(replica, id, job);
    if (job.callback) await this.#call(id);
  }

  /** A callback that cannot be read is moved aside by the gateways, at its deadline. */
  async #call(id: string): Promise<void> {
    try {
      await promoteCallback(this.#queue, id);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.#options.log.warn({ request: id }, 'its callback cannot be read');
    }
  }

  /** Files a dead letter, where the request's record says that it has failed. */
  async #file(replica: string, id: string, job: JobData): Promise<void> {
    const { keys, failedTtlMs, redaction, deadLetterBodies, large } = this.#options;
    const readsBody = storedBody(job) && deadLetterBodies === 'keep';
    const redis = readsBody ? large.connection : this.#options.redis;
    const [hash, frame, body] = await Promise.all([
      redis.hgetall(keys.request(replica, id)),
      redis.getrangeBuffer(keys.keptReply(replica, id), 0, mostReplyBytes),
      readsBody ? redis.getBuffer(keys.requestBody(replica, id)) : null,
    ]);
    const now = clockOf(this.#options.redis).now();
    const record = readRecord(hash, now);
    if (record === undefined || !failures.has(record.state)) return;
    const { state, code, status, method, target, attempts, accepted, finished } = record;
    const ended = finished ?? now;
    const summary: DeadLetterSummary = {
      id,
      replica,
      state,
      code: code ?? 'reply_timeout',
      ...(status === undefined ? {} : { status }),
      method,
      target: redactTarget(target, redaction),
      attempts,
      accepted,
      ended,
    };
    const fields: (string | Buffer)[] = [
      'summary',
      JSON.stringify(summary),
      'job',
      JSON.stringify(letterJob(job, redaction, deadLetterBodies)),
      'bodies',
      deadLetterBodies,
    ];
    if (body !== null) fields.push('body', body);
    const fits = frame.length <= mostReplyBytes || deadLetterBodies === 'none';
    const reply = frame.length > 0 && fits ? withoutSecrets(frame, redaction, deadLetterBodies) : undefined;
    if (reply !== undefined) fields.push('reply', reply);
    const letter = keys.deadLetter(id);
    const results = await redis
      .multi()
      .hset(letter, ...fields)
      .pexpire(letter, failedTtlMs)
      .zadd(keys.deadLetters, ended, id)
      .zremrangebyscore(keys.deadLetters, 0, now - failedTtlMs)
      .pexpire(keys.deadLetters, failedTtlMs)
      .exec();
    const failed = results?.find(([error]) => error !== null);
    if (failed?.[0]) throw failed[0];
  }

  /** Most workers never need it. The connection is shared: there is nothing to close. */
  get #queue(): Queue<CallbackData> {
    const { redis, keys, log } = this.#options;
    if (this.#callbacks === undefined) {
      this.#callbacks = openCallbackQueue(redis, keys);
      this.#callbacks.on('error', (error) =>
        log.debug({ err: error }, 'the queue of callbacks reports an error'),
      );
    }
    return this.#callbacks;
  }
}

/** @returns the job of a request without its secrets, and without its body if bodies are not kept. */
function letterJob(job: JobData, redaction: Redaction, bodies: 'keep' | 'none'): JobData {
  const { headers, target, body } = job;
  return {
    ...job,
    target: redactTarget(target, redaction),
    headers: redact(headers, redaction),
    // A letter says that there was a body; nothing is stored of it.
    ...(body === undefined || bodies === 'keep' ? {} : { body: { stored: 0 } }),
  };
}

/** @returns the frame with its secrets left out; undefined for what is no frame. */
function withoutSecrets(
  frame: Buffer,
  redaction: Redaction,
  bodies: 'keep' | 'none',
): ReplyFrame | undefined {
  try {
    const reply = decodeReply(frame);
    const body = (bodies === 'none' ? undefined : reply.body) ?? Buffer.alloc(0);
    const headers = redact(reply.headers, redaction);
    return encodeReply(reply.id, { ...headOf(reply), headers, body });
  } catch {
    return undefined;
  }
}
