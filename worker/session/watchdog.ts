import type { StartStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { periodically } from '#shared/process/periodically.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { WorkerRepair } from '#shared/store/repair/worker-repair.ts';
import { isPaused } from '#shared/store/queue/queue-pauses.ts';
import { countReady, wakeConsumer } from '#shared/store/queue/replica-queue.ts';
import type { Runner } from '../run/runner.ts';

export interface WatchdogOptions {
  readonly connection: Connection;
  readonly replica: string;
  readonly runner: Runner;
  /** The interval between two checks, in ms. */
  readonly everyMs: number;
  /** Called if waking the consumer did not help: only a new worker will. */
  readonly onStuck: () => void;
  readonly log: Logger;
}

/** After this many checks in a row without progress the consumer is woken, and the worker given up. */
const wakeAfter = 2;
const giveUpAfter = 6;

/**
 * Notices jobs that wait while a live worker does nothing: a wake-up was lost, or the consumer has silently
 * stopped. It wakes the consumer first. If that does not help, the worker leaves and another one takes its
 * place.
 */
export class Watchdog {
  readonly #options: WatchdogOptions;
  readonly #life: StartStop;
  #idleChecks = 0;
  #runsBefore = 0;

  constructor(options: WatchdogOptions) {
    this.#options = options;
    const { connection, replica, everyMs, log } = options;
    const repair = new WorkerRepair(connection, log);
    this.#life = periodically(
      everyMs,
      () =>
        repair.withRepair(
          () => this.#check(),
          () => ({ queue: replica }),
        ),
      (error) => log.warn({ err: error }, 'the watchdog could not check the queue'),
    );
  }

  start(): Promise<void> {
    return this.#life.start();
  }

  stop(): Promise<void> {
    return this.#life.stop();
  }

  async #check(): Promise<void> {
    const { connection, replica, runner, onStuck, log } = this.#options;
    const progress = runner.size > 0 || runner.runs !== this.#runsBefore;
    this.#runsBefore = runner.runs;
    let waiting = progress ? 0 : await countReady(connection, replica);
    // The jobs of a paused queue are meant to wait.
    if (waiting > 0 && (await isPaused(connection, replica))) waiting = 0;
    this.#idleChecks = waiting === 0 ? 0 : this.#idleChecks + 1;
    if (this.#idleChecks === wakeAfter) {
      log.warn({ waiting }, 'jobs wait but none is run; waking the consumer');
      await wakeConsumer(connection, replica);
    }
    if (this.#idleChecks < giveUpAfter) return;
    log.error({ waiting }, 'jobs wait but none is run; leaving, for another worker to take over');
    onStuck();
  }
}
