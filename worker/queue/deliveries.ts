import type { Logger } from '#shared/process/logger.ts';
import { DeliveryReader } from '#shared/store/queue/delivery-reader.ts';
import type { Fenced } from '#shared/contract/fenced.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { Delivery, HeldJob } from '#shared/contract/delivery.ts';

export interface DeliveriesOptions {
  /** A second connection like this one is opened. */
  readonly connection: Connection;
  /** By which the worker serves the queue. */
  readonly lease: Fenced;
  /** Called with the jobs that were delivered directly, all of one read at once. */
  readonly onJobs: (jobs: readonly HeldJob[]) => void;
  readonly log: Logger;
}

/** The jobs that are delivered directly to a consumer, until the last one of all. */
export class Deliveries {
  readonly #onJobs: (jobs: readonly HeldJob[]) => void;
  readonly #reader: DeliveryReader;
  readonly #end = Promise.withResolvers<void>();
  #draining = false;

  constructor({ onJobs, ...others }: DeliveriesOptions) {
    this.#onJobs = onJobs;
    this.#reader = new DeliveryReader({ ...others, onRead: (deliveries) => this.#onRead(deliveries) });
  }

  start(): void {
    this.#reader.start();
  }

  /** Stops reading. */
  stop(): void {
    this.#reader.stop();
  }

  /**
   * Call this once nothing more is delivered to the consumer, and the end marker is in its list.
   * @returns once everything before the end marker was read.
   */
  drain(): Promise<void> {
    this.#draining = true;
    return this.#end.promise;
  }

  /** Takes what was read here, or by a tick. */
  accept(deliveries: readonly Delivery[]): void {
    const jobs: HeldJob[] = [];
    for (const delivery of deliveries) {
      if (delivery === 'end') this.#end.resolve();
      else jobs.push(delivery);
    }
    if (jobs.length > 0) this.#onJobs(jobs);
  }

  #onRead(deliveries: readonly Delivery[]): void {
    this.accept(deliveries);
    // The end marker may be lost.
    if (this.#draining && deliveries.length === 0) this.#end.resolve();
  }
}
