import { Problem } from '#shared/contract/errors.ts';
import { redactUrl } from '#shared/contract/redaction.ts';
import type { Redaction } from '#shared/contract/redaction.ts';
import type { Logger } from '#shared/process/logger.ts';
import { CallbackQueue } from '#shared/store/callbacks/callback-queue.ts';
import type { CallbackUrls } from '#shared/contract/callback.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { CallbackMacs } from './callback-macs.ts';
import { jobNameOf } from './receiver.ts';
import type { CallbackTargets } from './targets.ts';

/**
 * A callback that no end has promoted is due this long after the deadline, in ms: a worker may end its
 * request at it.
 */
const graceMs = 1000;

export interface CallbacksOptions {
  /** A fail-fast connection that others may share. */
  readonly connection: Connection;
  /** Where callbacks may go; undefined if no request may ask for one. */
  readonly targets: CallbackTargets | undefined;
  readonly macs: CallbackMacs;
  /** What is not shown of an address. */
  readonly redaction: Redaction;
  readonly log: Logger;
}

/** The callbacks of the requests that this gateway accepts or ends. */
export class Callbacks {
  readonly #options: CallbacksOptions;
  readonly #queue: CallbackQueue;

  constructor(options: CallbacksOptions) {
    this.#options = options;
    this.#queue = new CallbackQueue(options.connection, options.log);
  }

  /** @throws {Problem} `request_malformed` for addresses that callbacks may not go to. */
  async check(urls: CallbackUrls): Promise<void> {
    const { targets, redaction, log } = this.#options;
    if (targets === undefined) {
      throw new Problem(
        'request_malformed',
        'There are no callbacks here: they are signed, and the setting CALLBACK_SECRET is not set.',
      );
    }
    const check = async (name: string, value: string | undefined): Promise<void> => {
      if (value === undefined) return;
      const fault = await targets.fault(value);
      if (fault === undefined) return;
      const url = redactUrl(value, redaction);
      log.debug({ url, address: fault.address }, 'a callback was refused');
      throw new Problem('request_malformed', `${name} is ${JSON.stringify(url)}; ${fault.detail}.`);
    };
    await check('Ringpost-Callback', urls.url);
    await check('Ringpost-Failure-Callback', urls.failureUrl);
  }

  /**
   * Adds the callback of a request. It is sent when the request ends, or soon after its deadline.
   * @param deadline of the request, in ms since the epoch.
   * @returns once that is durable.
   */
  add(id: string, urls: CallbackUrls, deadline: number): Promise<void> {
    const mac = this.#options.macs.ofJob(id, { ...urls, deadline });
    const data = { ...urls, deadline, attempts: 0, mac };
    return this.#queue.add(id, jobNameOf(urls), data, deadline + graceMs);
  }

  /** Removes the callback of a request that was not accepted. */
  remove(id: string): Promise<void> {
    return this.#queue.remove(id);
  }

  /** Sends the callback of a request now, since the request has ended. */
  promote(id: string): Promise<void> {
    return this.#queue.promote(id);
  }

  /** Closes the queue. The connection stays open. */
  close(): Promise<void> {
    return this.#queue.close();
  }
}
