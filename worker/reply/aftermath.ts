import type { DeadLetterSummary } from '#shared/contract/dead-letter.ts';
import { storedBody } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import { redact, redactTarget } from '#shared/contract/redaction.ts';
import type { Redaction } from '#shared/contract/redaction.ts';
import { decodeReply, encodeReply, headOf } from '#shared/contract/reply.ts';
import type { ReplyFrame } from '#shared/contract/reply.ts';
import type { RequestState } from '#shared/contract/request-record.ts';
import type { Logger } from '#shared/process/logger.ts';
import { CallbackPromotion } from '#shared/store/callbacks/callback-promotion.ts';
import { fileDeadLetter, readEndedRequest } from '#shared/store/records/ended-requests.ts';
import type { LargeValues } from '#shared/store/replies/large-values.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { RedisClock } from '#shared/store/redis/redis-clock.ts';

export interface AftermathOptions {
  readonly connection: Connection;
  /** Time in ms for which dead letters are kept. */
  readonly failedTtlMs: number;
  /** What dead letters do not keep. */
  readonly redaction: Redaction;
  /** Whether dead letters keep bodies. */
  readonly deadLetterBodies: 'keep' | 'none';
  /** Its connection reads large request bodies. */
  readonly large: LargeValues;
  readonly log: Logger;
}

/** A dead letter keeps no reply that is longer than this: it is there to tell what went wrong. */
const maxReplyBytes = 512 * 1024;

/** The states of requests that have failed for good. */
const failures: ReadonlySet<RequestState> = new Set(['failed', 'expired']);

/**
 * What follows the end of a request that has a record: if it has failed for good, it becomes a dead letter;
 * and its callback becomes due. After a crash this may be done twice, with the same result.
 */
export class Aftermath {
  readonly #options: AftermathOptions;
  readonly #clock: RedisClock;
  readonly #callbacks: CallbackPromotion;

  constructor(options: AftermathOptions) {
    this.#options = options;
    this.#clock = clockOf(options.connection);
    this.#callbacks = new CallbackPromotion(options.connection, options.log);
  }

  /**
   * Call this before the job is gone.
   * @param state in which the request has ended; undefined if it had ended before, so that its record has to
   * be read.
   */
  async follow(replica: string, id: string, job: JobData, state: RequestState | undefined): Promise<void> {
    if (state === undefined || failures.has(state)) await this.#file(replica, id, job);
    if (job.callback) await this.#promoteCallback(id);
  }

  /** The gateways move a callback that cannot be read aside, at its deadline. */
  async #promoteCallback(id: string): Promise<void> {
    try {
      await this.#callbacks.promote(id);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.#options.log.warn({ request: id }, 'its callback cannot be read');
    }
  }

  /** Files a dead letter if the request's record says that it has failed. */
  async #file(replica: string, id: string, job: JobData): Promise<void> {
    const { failedTtlMs, redaction, deadLetterBodies, large } = this.#options;
    const withBody = storedBody(job) && deadLetterBodies === 'keep';
    const connection = withBody ? large.connection : this.#options.connection;
    const found = await readEndedRequest(connection, replica, id, this.#clock, { maxReplyBytes, withBody });
    const now = this.#clock.now();
    const { record, frame, body } = found;
    if (record === undefined || !failures.has(record.state)) return;
    const { state, code, status, method, target, attempts, accepted, finished } = record;
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
      ended: finished ?? now,
    };
    const fits = frame.length <= maxReplyBytes || deadLetterBodies === 'none';
    const reply = frame.length > 0 && fits ? withoutSecrets(frame, redaction, deadLetterBodies) : undefined;
    const letter = {
      summary,
      job: letterJob(job, redaction, deadLetterBodies),
      bodies: deadLetterBodies,
      body,
      reply,
    };
    await fileDeadLetter(connection, letter, failedTtlMs, now);
  }
}

/** @returns the job of a request without its secrets, and without its body if bodies are not kept. */
function letterJob(job: JobData, redaction: Redaction, bodies: 'keep' | 'none'): JobData {
  // A redrive selects the replica anew. The hash key may be one of the secrets.
  const { reselect: _, ...rest } = job;
  const { headers, target, body } = rest;
  return {
    ...rest,
    target: redactTarget(target, redaction),
    headers: redact(headers, redaction),
    // The letter says that there was a body, of which nothing is stored.
    ...(body === undefined || bodies === 'keep' ? {} : { body: { stored: 0 } }),
  };
}

/** @returns the frame without its secrets; undefined if it is not a frame. */
function withoutSecrets(
  frame: Buffer,
  redaction: Redaction,
  bodies: 'keep' | 'none',
): ReplyFrame | undefined {
  try {
    const reply = decodeReply(frame);
    const body = (bodies === 'none' ? undefined : reply.body) ?? Buffer.alloc(0);
    const headers = redact(reply.headers, redaction);
    return encodeReply(reply.id, { ...headOf(reply), headers, body }, false, reply.run);
  } catch {
    return undefined;
  }
}
