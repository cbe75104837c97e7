import type { Log } from '#shared/process/logger.ts';
import { subscribeToCancellations } from '#shared/store/queue/cancellation-feed.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { CancelledIds } from '../run/cancelled-ids.ts';
import type { ServedQueues } from './served-queues.ts';

export interface CancellationsOptions {
  /** A patient connection for this alone. */
  readonly connection: Connection;
  readonly cancelled: CancelledIds;
  readonly served: ServedQueues;
  readonly log: Log;
}

/** Aborts the requests that gateways cancel, and remembers them: a message may arrive before its job. */
export class Cancellations {
  readonly #options: CancellationsOptions;

  constructor(options: CancellationsOptions) {
    this.#options = options;
  }

  /** Call it before the first job is taken. @returns once messages arrive. */
  listen(): Promise<void> {
    const { connection, cancelled, served, log } = this.#options;
    const listening = subscribeToCancellations(connection, (id) => {
      cancelled.add(id, performance.now());
      served.cancel(id);
    });
    listening.catch((error: unknown) =>
      log.debug({ err: error }, 'the worker cannot listen to cancellations'),
    );
    return listening;
  }

  close(): void {
    this.#options.connection.close();
  }
}
