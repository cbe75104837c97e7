import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '#shared/process/logger.ts';
import { safeMessage } from '#shared/process/safe-error.ts';
import { CrashNotes } from '#shared/store/lease/crash-notes.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { LeaseStore } from '#shared/store/lease/lease-store.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { ProgramEnd } from './command/program.ts';
import type { ServedQueues } from './session/served-queues.ts';

export interface CrashExitOptions {
  /** If the generation is not set, no driver watches this process. */
  readonly config: { readonly generation: number | undefined };
  readonly connection: Connection;
  readonly replica: string;
  readonly generation: number;
  readonly served: ServedQueues;
  readonly log: Log;
}

/** Time to tell Redis why the worker ends, in ms. */
const exitMs = 1000;

/** Ends the worker because of a fault, and notes that as its crash. */
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
    this.#noted = this.#note(`an exception was not caught: ${safeMessage(thrown)}`);
    this.#leave('an uncaught exception');
  }

  /**
   * Ends the worker at once, since its program has ended: the requests that it was running are lost, as if
   * the worker had been killed.
   */
  async onProgramEnded({ reason, stderr }: ProgramEnd): Promise<void> {
    const { served, log } = this.#options;
    log.error({ reason, requests: served.running.length }, 'the worker exits, since its program has ended');
    const told = this.#note(reason, stderr).then(() => this.#endLease());
    // A job that would be taken now could only be lost.
    served.abandon();
    await Promise.race([told, delay(exitMs)]).catch((error: unknown) =>
      log.warn({ err: error }, 'the lease was not ended; it will expire'),
    );
    process.exit(1);
  }

  /** Resolves when the crash is noted, or could not be; at once if there was none. */
  get noted(): Promise<void> {
    return this.#noted;
  }

  /**
   * A driver that gave the worker its generation sees it end, and ends its lease. Otherwise it would have to
   * expire. The process exits right after that, so that no renewal takes it back.
   */
  async #endLease(): Promise<void> {
    const { connection, replica, generation, config } = this.#options;
    if (config.generation !== undefined) return;
    await new LeaseStore(connection).end({ replica, generation, adopter: undefined });
  }

  /** Notes the crash for `/-/ring`. Never rejects. */
  async #note(reason: string, stderr?: readonly string[]): Promise<void> {
    const { connection, replica, generation, served, log } = this.#options;
    const at = clockOf(connection).now();
    const crash = { generation, at, reason, requests: served.running, ...(stderr && { stderr }) };
    try {
      await new CrashNotes(connection).note(replica, crash);
    } catch (error) {
      log.debug({ err: error }, 'the crash was not noted');
    }
  }
}
