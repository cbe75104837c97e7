/**
 * A worker in the process of a program that goes on without it. It is in one of these states:
 *
 *   made --start--> starting --it takes jobs--> running
 *   starting, running --stop, or its replica was removed--> leaving: finishes what it holds
 *   starting, running --a fault, or the start fails--> leaving: abandons what it holds
 *   leaving --nothing of it runs--> ended
 *   made --stop--> ended
 */
import { createLogger } from '#shared/process/logger.ts';
import type { Logger } from '#shared/process/logger.ts';
import { isDoneWithin } from '#shared/process/within.ts';
import { checkRedis } from '#shared/store/redis/check-redis.ts';
import { composeWorker, faultTexts, openWorker } from './compose-worker.ts';
import type { WorkerFault } from './compose-worker.ts';
import type { WorkerConfig } from './config.ts';
import { createFetchHandler } from './handlers/fetch-handler.ts';
import type { Handler } from './handlers/user-handler.ts';
import type { Membership } from './join/membership.ts';
import type { WorkerProcess } from './worker-process.ts';

/** How a worker has ended. */
export interface WorkerEnd {
  /**
   * `stopped`: by `stop()`. `retired`: its replica was removed, and its queue is empty. `superseded`:
   * another worker runs its replica. `lease_lost`: its lease is no longer renewed. `stuck`: jobs wait but
   * none is run. `failed`: it could not start.
   */
  readonly reason: 'stopped' | 'retired' | WorkerFault | 'failed';
  /** The reason in words. */
  readonly message: string;
}

/** Time in ms to release the leases of a worker that finishes nothing more. */
const releaseMs = 1000;

/** Runs the worker of one replica in this process, with a handler of this process. */
export class HostedWorker {
  readonly #config: WorkerConfig;
  readonly #handler: Handler;
  readonly #env: NodeJS.ProcessEnv;
  readonly #log: Logger;
  readonly #leaving = new AbortController();
  readonly #ended = Promise.withResolvers<WorkerEnd>();
  #starting: Promise<void> | undefined;
  #worker: WorkerProcess | undefined;
  #membership: Membership | undefined;
  #running = false;
  #end: Promise<void> | undefined;

  /** @param env of this process, for the lease thread. */
  constructor(config: WorkerConfig, handler: Handler, env: NodeJS.ProcessEnv) {
    this.#config = config;
    this.#handler = handler;
    this.#env = env;
    const { replica, logLevel, logFormat } = config;
    this.#log = createLogger('worker', logLevel, { replica }, logFormat);
  }

  /** The name of its replica. */
  get replica(): string {
    return this.#config.replica;
  }

  /** Resolves when nothing of the worker runs any more, for whatever reason. It never rejects. */
  get ended(): Promise<WorkerEnd> {
    return this.#ended.promise;
  }

  /**
   * Takes the replica's lease and begins to take jobs. While another worker has the lease, it waits.
   * @returns when it takes jobs. A further call returns the same promise.
   * @throws {RedisUnfitError} if Redis cannot be reached or used, and what stops it while it starts.
   */
  start(): Promise<void> {
    if (this.#end !== undefined && this.#starting === undefined)
      return Promise.reject(new Error('a worker that was stopped cannot be started again'));
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /**
   * Takes no more jobs, finishes those that it holds within `DRAIN_TIMEOUT_MS`, and releases the replica.
   * Then it abandons what is left: the signals of those requests fire, and the next worker decides on them.
   * @returns when nothing of it runs. Safe to call again.
   */
  async stop(): Promise<void> {
    await this.#leave({ reason: 'stopped', message: 'the worker was stopped' });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #start(): Promise<void> {
    try {
      await this.#run();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      // Another end may have caused this.
      const end = this.#leave({ reason: 'failed', message });
      await end;
      throw error;
    }
    if (this.#end !== undefined)
      throw new Error(`the worker ended while it started: ${(await this.ended).message}`);
    this.#running = true;
  }

  async #run(): Promise<void> {
    const { redisUrl, namespace, replica } = this.#config;
    await checkRedis(redisUrl, ['worker'], namespace);
    const { signal } = this.#leaving;
    signal.throwIfAborted();
    const opened = await openWorker(this.#config, this.#log, signal);
    this.#membership = opened.membership;
    if ((await opened.membership?.join()) === false) throw new Error('the worker is leaving');
    this.#worker = await composeWorker(opened, {
      env: this.#env,
      hosted: true,
      createHandler: (budget) => {
        const options = { where: 'createWorker', what: 'the handler', replica, budget, native: true };
        // Whoever made the handler closes it.
        const kept = { close: () => Promise.resolve() };
        return Promise.resolve({ ...createFetchHandler(this.#handler, options), ...kept });
      },
      onFault: (fault, err) => {
        this.#log.error(err === undefined ? {} : { err }, `${faultTexts[fault]}; the worker ends`);
        void this.#leave({ reason: fault, message: faultTexts[fault] });
      },
      onRetired: () => void this.#leave({ reason: 'retired', message: 'its replica was removed' }),
      noted: () => Promise.resolve(),
    });
    signal.throwIfAborted();
    await this.#worker.start();
  }

  /** Ends once, for the first reason. Never rejects. */
  #leave(end: WorkerEnd): Promise<void> {
    this.#end ??= this.#leaveBecause(end).then(() => this.#ended.resolve(end));
    return this.#end;
  }

  async #leaveBecause({ reason }: WorkerEnd): Promise<void> {
    const worker = this.#worker;
    const drains = this.#running && (reason === 'stopped' || reason === 'retired');
    if (drains && worker !== undefined) await this.#drain(worker);
    await worker?.abandon(releaseMs);
    // One that has drained has left already.
    if (!drains && this.#membership !== undefined) await this.#leaveReplicas(this.#membership, reason);
    // It closes the connections, so that a start in progress fails.
    this.#leaving.abort(new Error('the worker is leaving'));
  }

  /** A worker that fails leaves its replica to the next one. Never rejects. */
  async #leaveReplicas(membership: Membership, reason: WorkerEnd['reason']): Promise<void> {
    const left = reason === 'stopped' ? membership.leave() : membership.stop();
    await isDoneWithin(left, releaseMs).catch(() => undefined);
  }

  async #drain(worker: WorkerProcess): Promise<void> {
    const drained = worker.stop('signal').catch((error: unknown) => {
      this.#log.warn({ err: error }, 'the worker could not leave in order');
    });
    await isDoneWithin(drained, this.#config.drainTimeoutMs);
  }
}
