import { randomUUID } from 'node:crypto';
import { probeField } from '#shared/contract/answer-counts.ts';
import { encodeJob } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import { requestId } from '#shared/contract/request-id.ts';
import type { Logger } from '#shared/process/logger.ts';
import { safeMessage } from '#shared/process/safe-error.ts';
import { JobQueues } from '#shared/store/queue/job-queues.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { probeTimeoutMs } from './return.ts';

/**
 * Sends probes to ejected replicas: a `GET` in the replica's queue that its handler answers as any other.
 * Nobody waits for the reply. The worker says with its next heartbeat how it ended.
 */
export class OutlierProbes {
  readonly #connection: Connection;
  readonly #log: Logger;

  readonly #unsent = new Map<string, string>();
  readonly #sent = new Map<string, number>();

  constructor(connection: Connection, log: Logger) {
    this.#connection = connection;
    this.#log = log;
  }

  /** The replicas whose last probes could not be added to their queues, with the reasons. */
  get unsent(): ReadonlyMap<string, string> {
    return this.#unsent;
  }

  /** The number of the last probe that was sent to each replica. */
  get sent(): ReadonlyMap<string, number> {
    return this.#sent;
  }

  /** Forgets what is known of replicas that are not desired any more. */
  keep(desired: ReadonlySet<string>): void {
    for (const known of [this.#unsent, this.#sent])
      for (const name of known.keys()) if (!desired.has(name)) known.delete(name);
  }

  /**
   * Adds a probe to the queue of a replica.
   * @param probe its number.
   * @param target path and query.
   */
  send(replica: string, probe: number, target: string): void {
    const id = requestId(randomUUID(), replica);
    const headers = ['Host', 'localhost', 'Accept', '*/*', probeField, 'outlier'];
    const deadline = clockOf(this.#connection).now() + probeTimeoutMs;
    const request = { method: 'GET', target, headers, body: Buffer.alloc(0) };
    const mark = { key: 0, probe };
    // If it kills the worker, it must not run again.
    const job = encodeJob(request, { gateway: '', deadline, redelivery: 'never', outlier: mark });
    this.#unsent.delete(replica);
    this.#sent.set(replica, probe);
    this.#add(replica, id, job).catch((error: unknown) => {
      this.#unsent.set(replica, safeMessage(error));
      this.#log.warn({ replica, err: error }, 'a probe was not sent');
    });
  }

  async #add(replica: string, id: string, job: JobData): Promise<void> {
    const queues = new JobQueues(this.#connection, this.#log);
    try {
      await queues.add(replica, id, job);
    } finally {
      await queues.close();
    }
  }
}
