import type { Redis } from 'ioredis';
import type { HttpReply } from '#shared/contract/http.ts';
import { decodeJob, storedBody } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import { problemReply } from '#shared/contract/problem.ts';
import type { Keys } from '#shared/keys.ts';
import type { Logger } from '#shared/logger.ts';
import type { Handler } from './handlers/handler.ts';
import type { ReplyOutbox } from './reply-outbox.ts';

export interface RunnerOptions {
  readonly handler: Handler;
  readonly outbox: ReplyOutbox;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly replica: string;
  /** Whether the replica's lease is certainly ours, and what to do where it is not. */
  readonly lease: { readonly certain: boolean; makeCertain(): Promise<void> };
  readonly log: Logger;
}

/** Runs jobs with the handler, each until its deadline at most, and sends their replies. */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #running = new Set<string>();
  #runs = 0;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** The ids of the requests that are being run. */
  get running(): readonly string[] {
    return [...this.#running];
  }

  /** How many requests were begun since the worker started. */
  get runs(): number {
    return this.#runs;
  }

  /** Whether this request is being run. */
  isRunning(id: string): boolean {
    return this.#running.has(id);
  }

  /** How many requests are being run. */
  get size(): number {
    return this.#running.size;
  }

  /**
   * Runs one job and sends its reply. A job past its deadline is dropped unrun, and one whose handler has not
   * answered by then is let go without a reply: its gateway has answered 504 by itself.
   * @param attempt 1 for the first run.
   */
  async run(id: string, job: JobData, attempt: number): Promise<void> {
    const { outbox, redis, keys, replica, lease } = this.#options;
    const bodyKey = storedBody(job) ? keys.requestBody(replica, id) : undefined;
    if (Date.now() >= job.deadline) {
      if (bodyKey !== undefined) await redis.unlink(bodyKey);
      return;
    }
    this.#running.add(id);
    this.#runs += 1;
    try {
      // A worker that was frozen may wake up with a job in its hands that is not its own any more.
      if (!lease.certain) await lease.makeCertain();
      const stored = bodyKey === undefined ? undefined : await redis.getBuffer(bodyKey);
      const reply = await this.#answer(id, job, attempt, stored ?? undefined);
      if (reply !== undefined) await outbox.push(job.gateway, id, reply);
      if (bodyKey !== undefined) await redis.unlink(bodyKey);
    } finally {
      this.#running.delete(id);
    }
  }

  /** @returns the reply, or undefined when the deadline came first. */
  async #answer(id: string, job: JobData, attempt: number, stored?: Buffer): Promise<HttpReply | undefined> {
    const { handler, replica, log } = this.#options;
    const abort = new AbortController();
    const { promise: expired, resolve: expire } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => {
      abort.abort(new DOMException(`the deadline of request ${id} has passed`, 'TimeoutError'));
      expire(undefined);
    }, job.deadline - Date.now());
    try {
      const request = decodeJob(job, stored);
      const context = { replica, requestId: id, attempt, deadline: job.deadline, signal: abort.signal };
      const answering = handler.handle(request, context);
      // What an abandoned handler throws after the deadline is of no interest any more.
      answering.catch(() => undefined);
      return await Promise.race([answering, expired]);
    } catch (error) {
      if (abort.signal.aborted) return undefined;
      log.error({ request: id, err: error }, 'the handler failed');
      return problemReply('handler_failed', `The handler of replica ${replica} failed on this request.`);
    } finally {
      clearTimeout(timer);
    }
  }
}
