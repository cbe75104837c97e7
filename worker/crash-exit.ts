import type { Log } from '#shared/process/logger.ts';
import { safeMessage } from '#shared/process/safe-error.ts';
import { CrashNotes } from '#shared/store/lease/crash-notes.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { ServedQueues } from './session/served-queues.ts';

export interface CrashExitOptions {
  readonly connection: Connection;
  readonly replica: string;
  readonly generation: number;
  readonly served: ServedQueues;
  readonly log: Log;
}

/** Makes the worker exit after an uncaught exception, and notes that as its crash. */
export class CrashExit {
  readonly #options: CrashExitOptions;
  #leave: (reason: string) => void = () => process.exit(1);
  #noted: Promise<void> = Promise.resolve();

  constructor(options: CrashExitOptions) {
    this.#options = options;
  }

  /**
   * Lets the worker finish its jobs before it exits. Until this is called it has none, and exits at once.
   * @param leave drains the worker and ends the process.
   */
  drainBy(leave: (reason: string) => void): void {
    this.#leave = leave;
  }

  /** To be called with the first uncaught exception. */
  onUncaught(thrown: unknown): void {
    const { connection, replica, generation, served, log } = this.#options;
    const crash = {
      generation,
      at: clockOf(connection).now(),
      reason: `an exception was not caught: ${safeMessage(thrown)}`,
      requests: served.running,
    };
    this.#noted = new CrashNotes(connection)
      .note(replica, crash)
      .catch((error: unknown) => log.debug({ err: error }, 'the crash was not noted'));
    this.#leave('an uncaught exception');
  }

  /** Resolves when the crash is noted, or could not be; at once if there was none. */
  get noted(): Promise<void> {
    return this.#noted;
  }
}
