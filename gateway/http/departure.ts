import { setTimeout as delay } from 'node:timers/promises';
import type { Connections } from './connections.ts';

/**
 * The beginning of a gateway's stop. `/-/ready` is 503 from now on, so load balancers take the gateway out.
 * For a while it serves the requests that they still send. It marks the next answer of each connection as the
 * last, so that clients with a connection of their own leave, too.
 */
export class Departure {
  readonly #delayMs: number;
  #begun = false;
  #over = false;

  /** @param delayMs how long the gateway serves after the beginning of its stop, in ms. */
  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  /** Whether the gateway stops. */
  get begun(): boolean {
    return this.#begun;
  }

  /** What a stop waits for, in words; undefined if it does not wait for load balancers. */
  get waitsFor(): string | undefined {
    if (!this.#begun || this.#over) return undefined;
    return `load balancers, for ${this.#delayMs} ms (SHUTDOWN_DELAY_MS)`;
  }

  /**
   * @param connections of all listeners.
   * @returns when the gateway may stop listening.
   */
  async begin(connections: readonly Connections[]): Promise<void> {
    this.#begun = true;
    if (this.#delayMs > 0) {
      for (const each of connections) each.close();
      await delay(this.#delayMs);
    }
    this.#over = true;
  }
}
