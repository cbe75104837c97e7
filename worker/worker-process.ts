import type { Logger } from '#shared/process/logger.ts';
import { isDoneWithin } from '#shared/process/within.ts';
import type { StopCause } from '#shared/process/signals.ts';
import { expectDeath } from '#shared/store/lease/generations.ts';
import type { Telemetry } from '#shared/trace/telemetry.ts';
import type { LargeValues } from '#shared/store/replies/large-values.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { Handler } from './handlers/handler.ts';
import type { Departure } from './join/departure.ts';
import type { Heartbeat } from './lease/heartbeat.ts';
import type { LeaseKeeper } from './lease/lease-keeper.ts';
import type { ReadyFile } from './ready-file.ts';
import type { Adoptions } from './session/adoptions.ts';
import type { Cancellations } from './session/cancellations.ts';
import type { QueueSession } from './session/queue-session.ts';
import type { StopTime } from './stream/stop-time.ts';

export interface WorkerProcessParts {
  readonly connection: Connection;
  readonly replica: string;
  readonly generation: number;
  /** Time in ms to finish the jobs that the worker holds. */
  readonly drainTimeoutMs: number;
  /** Resolves when what is noted about the end of this process is in Redis. */
  readonly noted: () => Promise<void>;
  readonly handler: Handler;
  readonly keeper: LeaseKeeper;
  readonly heartbeat: Heartbeat;
  /** Of the worker's own queue. */
  readonly session: QueueSession;
  readonly adoptions: Adoptions;
  readonly cancellations: Cancellations;
  readonly large: LargeValues;
  /** What the worker does if its replica leaves with it; undefined if replicas do not join by themselves. */
  readonly departure: Departure | undefined;
  readonly stopTime: StopTime;
  readonly readyFile: ReadyFile;
  /** Undefined if no OpenTelemetry SDK is loaded. */
  readonly telemetry: Telemetry | undefined;
  readonly log: Logger;
}

/** Starts and stops the parts of a worker in their order. */
export class WorkerProcess {
  readonly #parts: WorkerProcessParts;
  #stopping = false;

  constructor(parts: WorkerProcessParts) {
    this.#parts = parts;
  }

  /**
   * Takes the lease and begins to take jobs. Resolves when the worker is ready, or is told to stop meanwhile.
   */
  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      // A worker that is told to leave while it starts has nothing to finish; its stop ends the process.
      if (!this.#stopping) throw error;
    }
  }

  async #start(): Promise<void> {
    const { heartbeat, session, adoptions, cancellations, readyFile, log } = this.#parts;
    const listening = cancellations.listen();
    await heartbeat.start();
    await session.start();
    // Before new requests arrive, since some of the inherited ones may have to run isolated.
    await adoptions.inherit();
    await heartbeat.ready();
    await adoptions.start();
    await listening;
    if (!this.#stopping) readyFile.create();
    log.info('ready');
  }

  /** Takes no more jobs, finishes those that it holds, and releases all leases. To be called once. */
  async stop(cause: StopCause): Promise<void> {
    const { connection, heartbeat, session, adoptions, handler, keeper, noted } = this.#parts;
    const { departure, stopTime, drainTimeoutMs, readyFile } = this.#parts;
    const until = performance.now() + drainTimeoutMs;
    stopTime.begin(drainTimeoutMs);
    this.#stopping = true;
    readyFile.remove();
    // Without Redis nobody can be told, and nothing can be finished.
    if (!connection.ready && session.size === 0) {
      await handler.close(until);
      return;
    }
    // The requests that are abandoned when the drain times out have not killed this worker, unless it threw.
    if (cause === 'signal') {
      await this.#expectDeath();
      // The other half is for what runs at the end of it.
      await departure?.begin(heartbeat.taken, drainTimeoutMs / 2);
    }
    await heartbeat.leaving();
    await Promise.all([session.stop(), adoptions.stop()]);
    await handler.close(until);
    await heartbeat.stop();
    await Promise.all([keeper.stop(), noted(), this.#parts.telemetry?.flush()]);
    connection.close();
    this.#parts.large.close();
    this.#parts.cancellations.close();
  }

  /**
   * Stops at once, for a worker whose process lives on: the signals of the requests that it runs fire, and
   * the next worker reclaims them. Its connections stay open. After a stop it does nothing.
   * @param timeoutMs time in ms to release the leases. Those that are left expire.
   */
  async abandon(timeoutMs: number): Promise<void> {
    this.#stopping = true;
    const released = this.#abandon().catch((error: unknown) =>
      this.#parts.log.debug({ err: error }, 'a lease was not released; it will expire'),
    );
    await isDoneWithin(released, timeoutMs);
    // A lease that is taken only now is not renewed.
    await isDoneWithin(this.#parts.keeper.stop(), timeoutMs);
  }

  async #abandon(): Promise<void> {
    const { session, adoptions, handler, heartbeat, departure, readyFile } = this.#parts;
    readyFile.remove();
    await Promise.all([session.leave(), adoptions.leave(), handler.close(), departure?.abandon()]);
    await heartbeat.stop();
  }

  async #expectDeath(): Promise<void> {
    const { connection, replica, generation, drainTimeoutMs, adoptions } = this.#parts;
    await expectDeath(connection, replica, generation, drainTimeoutMs);
    await adoptions.expectDeath(drainTimeoutMs);
  }
}
