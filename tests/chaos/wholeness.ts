import { setTimeout as delay } from 'node:timers/promises';
import { now } from './clock.ts';
import type { Cluster } from './cluster.ts';

/** A time in which the system was healthy, in ms since the epoch. */
export interface Calm {
  readonly from: number;
  to: number;
}

const pollIntervalMs = 100;

/**
 * Polls whether the system is healthy: all gateways are ready and every desired replica has a ready worker.
 */
export class HealthWatch {
  readonly #cluster: Cluster;
  readonly #calms: Calm[] = [];
  readonly #loop: Promise<void>;
  #current: Calm | undefined;
  #disturbances = 0;
  #troubles = 0;
  #stopped = false;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#loop = this.#watch();
  }

  /** The times in which the system was healthy, in order. */
  get calms(): readonly Calm[] {
    return this.#calms;
  }

  /** Ends the current calm time, because a fault is injected now. */
  disturb(): void {
    this.#disturbances += 1;
    if (this.#current !== undefined) this.#current.to = now();
    this.#current = undefined;
  }

  /** Until `trouble` has ended, the system does not count as healthy. */
  async during(trouble: Promise<void>): Promise<void> {
    this.#troubles += 1;
    this.disturb();
    try {
      await trouble;
    } finally {
      this.#troubles -= 1;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loop;
    if (this.#current !== undefined) this.#current.to = now();
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
      const before = this.#disturbances;
      // If the check fails, the system is not healthy.
      const healthy = this.#troubles === 0 && (await this.#cluster.isHealthy().catch(() => false));
      if (healthy && before === this.#disturbances) {
        if (this.#current === undefined) {
          this.#current = { from: now(), to: Number.POSITIVE_INFINITY };
          this.#calms.push(this.#current);
        }
      } else if (!healthy && this.#current !== undefined) {
        this.#current.to = now();
        this.#current = undefined;
      }
      await delay(pollIntervalMs);
    }
  }
}
