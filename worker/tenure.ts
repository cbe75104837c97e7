import type { Redis } from 'ioredis';
import type { Keys } from '#shared/keys.ts';
import { startStop } from '#shared/lifecycle.ts';
import type { Logger } from '#shared/logger.ts';
import type { Aftermath } from './aftermath.ts';
import { BatchedConsumer } from './batched-consumer.ts';
import type { Consumer } from './consumer.ts';
import type { FinishedRuns } from './finished-runs.ts';
import type { Handler } from './handlers/handler.ts';
import { OrphanSweep } from './orphan-sweep.ts';
import { activeJobs, reclaim } from './reclaim.ts';
import type { ReplicaLease } from './replica-lease.ts';
import { ReplyOutbox } from './reply-outbox.ts';
import { createReplyPushes } from './reply-pushes.ts';
import { Runner } from './runner.ts';
import type { Slots } from './slots.ts';
import { createStockConsumer } from './stock-consumer.ts';
import type { StockConsumerOptions } from './stock-consumer.ts';
import { Turns } from './turns.ts';
import { Watchdog } from './watchdog.ts';

/** What all tenures of a worker share. */
export interface TenureParts {
  readonly redis: Redis;
  readonly keys: Keys;
  /** The replica whose worker this is. */
  readonly worker: string;
  readonly handler: Handler;
  readonly slots: Slots;
  /** The script of the batched consumer; the stock one serves without it. */
  readonly tick: string | undefined;
  /** What follows the end of a request that has a record. */
  readonly aftermath: Aftermath;
  readonly finished: FinishedRuns;
  /** Jobs at once. */
  readonly concurrency: number;
  readonly leaseMs: number;
}

export interface TenureOptions extends TenureParts {
  /** The lease under which the queue is served, taken before the start. */
  readonly lease: ReplicaLease;
  /** Whether the lease is still ours; asked where that is not certain. */
  readonly makeCertain: () => Promise<boolean>;
  /** Another worker has taken the lease. */
  readonly onSuperseded: () => void;
  /** Jobs wait and nothing gets this worker to run them. */
  readonly onStuck: () => void;
  readonly log: Logger;
}

/** Serves one replica's queue from the taking of its lease to the end of it: the worker's own, or an adopted one. */
export class Tenure {
  readonly #runner: Runner;
  readonly #consumer: Consumer;
  readonly #life;
  readonly #abandoned = Promise.withResolvers<void>();

  constructor(options: TenureOptions) {
    const { redis, keys, lease, leaseMs, makeCertain, onSuperseded, onStuck, log } = options;
    const { replica } = lease;
    const pushes = createReplyPushes(redis, keys, lease, onSuperseded);
    const sending = { redis, keys, lease, aftermath: options.aftermath, onSuperseded };
    const turns = new Turns(redis, keys, log);
    const certainty = {
      get certain() {
        return lease.certain;
      },
      makeCertain,
    };
    const serving: Omit<StockConsumerOptions, 'replica'> = {
      ...options,
      run: (id, job, attempt) => runner.run(id, job, attempt),
      onFinished: (id, job) => turns.leave(id, job),
    };
    const { tick } = options;
    const batched =
      tick === undefined ? undefined : new BatchedConsumer({ ...serving, lease, tick, onSuperseded });
    const consumer = batched ?? createStockConsumer({ ...serving, replica });
    const outbox = new ReplyOutbox({ ...sending, pushes: batched ?? pushes });
    const runner = new Runner({ ...options, turns, outbox, replica, lease: certainty });
    // What a dead worker held is in no consumer's hands.
    const reclaiming = { redis, keys, replica, outbox: new ReplyOutbox({ ...sending, pushes }), turns, log };
    const everyMs = leaseMs / 3;
    const sweep = new OrphanSweep({ ...reclaiming, runner, lease, everyMs });
    const watchdog = new Watchdog({ redis, keys, replica, runner, everyMs, onStuck, log });
    this.#runner = runner;
    this.#consumer = consumer;
    this.#life = startStop(
      async () => {
        await reclaim(reclaiming, await activeJobs(reclaiming));
        await consumer.start();
        await Promise.all([sweep.start(), watchdog.start()]);
      },
      async () => {
        await Promise.all([sweep.stop(), watchdog.stop()]);
        await Promise.race([consumer.stop(), this.#abandoned.promise]);
      },
    );
  }

  /** The ids of the requests that are being run. */
  get running(): readonly string[] {
    return this.#runner.running;
  }

  /** How many requests are being run. */
  get size(): number {
    return this.#runner.size;
  }

  /** Lets a request go that is being run, if it is. */
  cancel(id: string): void {
    this.#runner.cancel(id);
  }

  /** Jobs are not delivered directly until the consumer has said again that it serves the queue. */
  wake(): void {
    this.#consumer.wake();
  }

  /** Takes back what a dead worker held, and begins to take jobs. */
  start(): Promise<void> {
    return this.#life.start();
  }

  /** Takes nothing new and resolves when what it held is finished, or abandoned. */
  stop(): Promise<void> {
    return this.#life.stop();
  }

  /** Takes nothing new and finishes nothing: another worker has what this one held. */
  abandon(): Promise<void> {
    this.#abandoned.resolve();
    this.#consumer.abandon();
    return this.stop();
  }
}
