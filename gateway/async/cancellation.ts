import { setTimeout as delay } from 'node:timers/promises';
import { Problem } from '#shared/contract/errors.ts';
import { problemReply } from '#shared/contract/problem.ts';
import { finalStates } from '#shared/contract/request-record.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { CancellationChannel } from '#shared/store/queue/cancellation-channel.ts';
import type { RequestEnds } from '#shared/store/records/request-ends.ts';
import type { KnownRequest, RequestRecords } from '#shared/store/records/request-records.ts';
import type { Callbacks } from '../callbacks/callbacks.ts';
import type { JobQueues } from '#shared/store/queue/job-queues.ts';

export interface CancellationOptions {
  readonly records: RequestRecords;
  readonly ends: RequestEnds;
  readonly cancellations: CancellationChannel;
  readonly queues: JobQueues;
  readonly callbacks: Callbacks;
  /** How long the record of a cancelled request is kept, in ms. */
  readonly keepMs: number;
  readonly log: Logger;
}

/** The worker is told again after this time, in ms: the message may have arrived before the job. */
const retryDelayMs = 100;
/** A worker that has not aborted the request by then, in ms, is dead or will not. */
const maxWaitMs = 2000;

/**
 * Cancels requests. The wish is in Redis before the client gets its answer: a request that is not running has
 * ended by then, and one that is running is not started again. The worker that runs it is told to abort it.
 */
export class Cancellation {
  readonly #options: CancellationOptions;

  constructor(options: CancellationOptions) {
    this.#options = options;
  }

  /**
   * @returns the request as it is then. It may have ended by itself. If it is still `running`, its worker may
   * be dead; it is not started again. If nothing is known of it by then, it is returned as it was.
   * @throws {Problem} `already_finished`.
   */
  async cancel(request: KnownRequest): Promise<KnownRequest> {
    const { state } = request.record;
    if (finalStates.has(state)) throw new Problem('already_finished', `The request is ${state} already.`);
    return (await this.#cancel(request)) ?? request;
  }

  async #cancel(request: KnownRequest): Promise<KnownRequest | undefined> {
    const { records, ends, cancellations, queues } = this.#options;
    const { id } = request;
    const until = performance.now() + maxWaitMs;
    for (let now: KnownRequest | undefined = request; ; now = await records.find(id)) {
      if (now === undefined || finalStates.has(now.record.state)) return now;
      if ((await ends.cancel(now)) === 'ended') {
        await this.#cleanUp(now);
        return records.find(id);
      }
      // A retry may have been moved to another queue meanwhile.
      if (await queues.withdraw(now.replica, id)) {
        await this.#endTakenBack(now);
        return records.find(id);
      }
      if (performance.now() > until) return records.find(id);
      await cancellations.announce([id]);
      await delay(retryDelayMs);
    }
  }

  /** The request has ended; a worker would take its job for nothing. */
  async #cleanUp({ id, replica, record }: KnownRequest): Promise<void> {
    const { queues, callbacks, log } = this.#options;
    try {
      if (record.callback !== undefined) await callbacks.promote(id);
      await queues.withdraw(replica, id, undefined, true);
    } catch (error) {
      // A worker takes the job, does not start it, and promotes its callback.
      log.debug({ request: id, err: error }, 'a cancelled request is left to its worker');
    }
  }

  async #endTakenBack(request: KnownRequest): Promise<void> {
    const { ends, keepMs, callbacks } = this.#options;
    await ends.endTakenBack(request, keepMs);
    // If this fails, the callback is due at the deadline of the request.
    if (request.record.callback !== undefined) await callbacks.promote(request.id);
    if (request.gateway === '') return;
    await ends.answerClient(
      request,
      problemReply('cancelled', 'The request was cancelled before it was run.'),
    );
  }
}
