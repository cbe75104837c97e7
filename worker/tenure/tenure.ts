import type { Redis } from 'ioredis';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { TickScript } from '#shared/store/tick.ts';
import { startStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { Aftermath } from '../reply/aftermath.ts';
import { BatchedConsumer } from '../queue/batched-consumer.ts';
import type { CancelledIds } from '../run/cancelled-ids.ts';
import type { Consumer } from '../run/consumer.ts';
import type { FinishedRuns } from '../run/finished-runs.ts';
import { GarbledJobs } from '../queue/garbled-jobs.ts';
import type { Handler } from '../handlers/handler.ts';
import type { Intake } from '../queue/intake.ts';
import { OrphanSweep } from './orphan-sweep.ts';
import { convict } from './reclaim.ts';
import type { ReclaimOptions } from './reclaim.ts';
import { reclaimAll } from './reclaim-all.ts';
import type { LargeValues } from '#shared/store/large-values.ts';
import type { ReplicaLease } from '../lease/replica-lease.ts';
import type { ReplyBudget } from '../handlers/reply-budget.ts';
import { ReplyOutbox } from '../reply/reply-outbox.ts';
import { createReplyPushes } from '../reply/reply-pushes.ts';
import { Runner } from '../run/runner.ts';
import type { Slots } from '#shared/process/slots.ts';
import { createStockConsumer } from '../queue/stock-consumer.ts';
import type { StockConsumerOptions } from '../queue/stock-consumer.ts';
import { Suspects } from './suspects.ts';
import { Turns } from '../run/turns.ts';
import { Watchdog } from './watchdog.ts';

/** What all tenures of a worker share. */
export interface TenureParts {
  readonly connection: Connection;
  readonly redis: Redis;
  readonly keys: Keys;
  /** The replica whose worker this is. */
  readonly worker: string;
  readonly handler: Handler;
  readonly slots: Slots;
  /** Closed while suspects run apart. */
  readonly intake: Intake;
  /** The script of the batched consumer; the stock one serves without it. */
  readonly tick: TickScript | undefined;
  /** What follows the end of a request that has a record. */
  readonly aftermath: Aftermath;
  readonly finished: FinishedRuns;
  readonly cancelled: CancelledIds;
  /** What large answers travel on. */
  readonly large: LargeValues;
  /** Bytes of answers that the worker holds. */
  readonly budget: ReplyBudget;
  /** Jobs at once. */
  readonly concurrency: number;
  readonly leaseMs: number;
}

export interface TenureOptions extends TenureParts {
  /** Whether the queue is that of a replica which the worker's own has replaced. */
  readonly inherited?: boolean;
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
  readonly #reclaiming: ReclaimOptions;
  readonly #consumer: Consumer;
  readonly #suspects: Suspects | undefined;
  readonly #life;
  readonly #abandoned = Promise.withResolvers<void>();

  constructor(options: TenureOptions) {
    const { connection, redis, keys, lease, leaseMs, intake, makeCertain, onSuperseded, onStuck, log } =
      options;
    const { replica } = lease;
    const pushes = createReplyPushes(connection, lease, onSuperseded);
    const { aftermath, large } = options;
    const sending = { connection, lease, aftermath, large, onSuperseded, log };
    const turns = new Turns(connection, log);
    const certainty = {
      get certain() {
        return lease.certain;
      },
      makeCertain,
    };
    // What a dead worker held is in no consumer's hands.
    const settling = new ReplyOutbox({ ...sending, pushes });
    const garbled = new GarbledJobs({ connection, lease, outbox: settling, log });
    const serving: Omit<StockConsumerOptions, 'replica'> = {
      ...options,
      run: (id, job, attempt) => runner.run(id, job, attempt),
      onGarbled: (id) => garbled.end(id),
      onFinished: (id, job) => turns.leave(id, job),
    };
    const { tick } = options;
    const batched =
      tick === undefined ? undefined : new BatchedConsumer({ ...serving, lease, tick, onSuperseded });
    const consumer = batched ?? createStockConsumer({ ...serving, replica });
    const outbox = new ReplyOutbox({ ...sending, pushes: batched ?? pushes });
    const runner = new Runner({ ...options, turns, outbox, replica, lease: certainty });
    const reclaiming = { redis, keys, replica, outbox: settling, garbled, turns, log };
    const everyMs = leaseMs / 3;
    const sweep = new OrphanSweep({ ...reclaiming, runner, lease, everyMs });
    const watchdog = new Watchdog({ redis, keys, replica, runner, everyMs, onStuck, log });
    // An adopter runs none: a suspect is given to no other worker. An heir is in the owner's place.
    const { inherited = false } = options;
    const suspects =
      replica === options.worker || inherited
        ? new Suspects({
            ...reclaiming,
            runner: new Runner({ ...options, turns, outbox: settling, replica, lease: certainty }, runner),
            slots: options.slots,
            intake,
            inherited,
          })
        : undefined;
    this.#runner = runner;
    this.#reclaiming = reclaiming;
    this.#consumer = consumer;
    this.#suspects = suspects;
    this.#life = startStop(
      async () => {
        const { generation, pardoned } = lease.predecessor;
        const death = { name: String(lease.fence), generation, pardoned };
        await reclaimAll(reclaiming, death);
        await suspects?.start();
        intake.join(consumer);
        await consumer.start();
        await Promise.all([sweep.start(), watchdog.start()]);
      },
      async () => {
        await Promise.all([sweep.stop(), watchdog.stop()]);
        const ended = Promise.all([consumer.stop(), suspects?.stop()]);
        await Promise.race([ended, this.#abandoned.promise]);
        await turns.close();
        intake.leave(consumer);
      },
    );
  }

  /** The ids of the requests that are being run. */
  get running(): readonly string[] {
    return this.#runner.running;
  }

  /** How many requests are being run, or wait to be run apart. */
  get size(): number {
    return Math.max(this.#runner.size, this.#suspects?.size ?? 0);
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

  /** Ends suspects that no worker of their replica will come back for. */
  async convict(suspects: Iterable<string>): Promise<void> {
    const { replica } = this.#reclaiming;
    const detail = `Replica ${replica} died while it ran this request, and was removed; it is not run again.`;
    for (const id of suspects) await convict(this.#reclaiming, id, detail);
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
