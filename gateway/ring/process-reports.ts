import { hostname } from 'node:os';
import type { GatewayReport } from '#shared/contract/gateway-report.ts';
import { LoopDelay } from '#shared/process/loop-delay.ts';
import { startStop } from '#shared/process/lifecycle.ts';
import { periodically } from '#shared/process/periodically.ts';
import { isDoneWithin } from '#shared/process/within.ts';
import type { StartStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { ownVersion } from '#shared/process/own-version.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { GatewayRegistry } from '#shared/store/ring/gateway-registry.ts';

/** What a process reports besides what every process knows of itself. */
export type ReportedFigures = Pick<GatewayReport, 'address' | 'inFlight' | 'heldBytes' | 'counts' | 'sum'>;

export interface ProcessReportsOptions {
  readonly connection: Connection;
  /** The name of this process's gateway and controller. */
  readonly name: string;
  readonly role: GatewayReport['role'];
  /** Called for each report. */
  readonly figures: () => ReportedFigures;
  readonly log: Logger;
}

/** Between two reports, in ms. */
const everyMs = 2000;
/** How long a stop waits for Redis, in ms. */
const stopMs = 500;

/** Figures of a process without a gateway. */
export const noFigures: ReportedFigures = { address: null, inFlight: 0, heldBytes: 0, counts: {} };

/** Reports this process to all gateways from its start to its stop. A report that fails is left out. */
export class ProcessReports {
  readonly #options: ProcessReportsOptions;
  readonly #registry: GatewayRegistry;
  readonly #delay = new LoopDelay();
  readonly #life: StartStop;
  readonly #rounds: StartStop;

  constructor(options: ProcessReportsOptions) {
    this.#options = options;
    this.#registry = new GatewayRegistry(options.connection, options.log);
    this.#rounds = periodically(
      everyMs,
      () => this.#report(),
      () => undefined,
    );
    this.#life = startStop(
      () => this.#start(),
      () => this.#stop(),
    );
  }

  /** Resolves when the first report is written, or has failed. */
  start(): Promise<void> {
    return this.#life.start();
  }

  /** Removes the report, unless Redis does not answer. */
  stop(): Promise<void> {
    return this.#life.stop();
  }

  async #start(): Promise<void> {
    this.#delay.start();
    await this.#report();
    await this.#rounds.start();
    await this.#quietly(() => this.#registry.removeExpired());
  }

  async #stop(): Promise<void> {
    this.#delay.stop();
    // While Redis is away or frozen, the report expires.
    await isDoneWithin(this.#remove(), stopMs);
  }

  async #remove(): Promise<void> {
    await this.#rounds.stop();
    const { connection, name } = this.#options;
    if (connection.ready) await this.#quietly(() => this.#registry.remove(name));
  }

  async #report(): Promise<void> {
    if (!this.#options.connection.ready) return;
    await this.#quietly(() => this.#registry.write(this.#now()));
  }

  #now(): GatewayReport {
    const { connection, name, role, figures } = this.#options;
    const clock = clockOf(connection);
    const { rss, heapUsed } = process.memoryUsage();
    return {
      name,
      role,
      host: hostname(),
      pid: process.pid,
      version: ownVersion,
      since: clock.started,
      at: clock.now(),
      rssBytes: rss,
      heapBytes: heapUsed,
      eventLoopLagMs: this.#delay.take(),
      ...figures(),
    };
  }

  async #quietly(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#options.log.debug({ err: error }, 'this process was not reported');
    }
  }
}
