import { encodeAbort } from '#shared/contract/frame.ts';
import type { Fenced } from '#shared/contract/fenced.ts';
import type { JobData } from '#shared/contract/job.ts';
import { problemReply } from '#shared/contract/problem.ts';
import { isRepeatable } from '#shared/contract/redelivery.ts';
import { finalStates } from '#shared/contract/request-record.ts';
import type { Logger } from '#shared/process/logger.ts';
import { QueueJobs } from '#shared/store/queue/queue-jobs.ts';
import { readLivingRecord } from '#shared/store/records/ended-requests.ts';
import { RequestNotes } from '#shared/store/records/request-notes.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { LiveStreams } from '#shared/store/streams/live-streams.ts';
import { RunningStreams } from '#shared/store/streams/running-streams.ts';
import type { GarbledJobs } from '../queue/garbled-jobs.ts';
import type { ReplyOutbox } from '../reply/reply-outbox.ts';
import { SupersededError } from '../reply/reply-pushes.ts';
import { mayResume } from '../stream/resumed-run.ts';
import type { Turns } from '../run/turns.ts';

export interface StreamReclaimerOptions {
  readonly connection: Connection;
  /** By which the caller serves the queue. */
  readonly lease: Fenced;
  /** Ends the requests that have a record. */
  readonly outbox: ReplyOutbox;
  readonly garbled: GarbledJobs;
  readonly turns: Turns;
  readonly log: Logger;
}

/**
 * Ends the streams of a replica that no worker sends any more, or has their requests run again to go on.
 * The connections of their clients are broken, and the records of their requests say why. The caller holds
 * the replica's lease.
 */
export class StreamReclaimer {
  readonly #options: StreamReclaimerOptions;
  readonly #running: RunningStreams;
  readonly #live: LiveStreams;
  readonly #notes: RequestNotes;

  constructor(options: StreamReclaimerOptions) {
    const { connection, lease, log } = options;
    this.#options = options;
    this.#running = new RunningStreams(connection, lease);
    this.#live = new LiveStreams({ connection, ofBytes: () => connection, lease, log });
    this.#notes = new RequestNotes(connection, log, lease);
  }

  /** @returns the ids of the requests whose answers are streams, sent by whatever worker. */
  ids(): Promise<ReadonlySet<string>> {
    return this.#running.ids();
  }

  /** @returns how many there are. */
  count(): Promise<number> {
    return this.#running.count();
  }

  /**
   * Ends streams, whose worker has died or does not know them.
   * @throws {SupersededError} if another worker has taken the lease.
   */
  async reclaim(ids: Iterable<string>): Promise<void> {
    const { connection, lease, log } = this.#options;
    const jobs = new QueueJobs(connection, lease.replica, log);
    let count = 0;
    try {
      for (const id of ids) {
        // In turn, so that a worker that starts does not keep Redis busy.
        await this.#end(id, await jobs.read(id));
        count += 1;
      }
    } finally {
      await jobs.close();
    }
    if (count > 0) log.warn({ count }, 'broke off streams that no worker sends');
  }

  async #end(id: string, job: { readonly data: JobData } | 'garbled' | undefined): Promise<void> {
    const { garbled } = this.#options;
    if (job === undefined || job === 'garbled') {
      if (job === 'garbled') await garbled.end(id);
      await this.#finish('', id, undefined);
    } else if (job.data.keepMs === undefined) {
      await this.#finish(job.data.gateway, id, encodeAbort(id, this.#options.lease.fence, 'worker_died'));
      this.#options.turns.leave(id, job.data);
    } else {
      await this.#endKept(id, job.data);
    }
  }

  async #endKept(id: string, job: JobData): Promise<void> {
    const { lease, outbox, turns } = this.#options;
    if (await this.#mayRunAgain(id, job)) {
      const suspended = await this.#running.suspend(id);
      if (suspended === 'superseded') throw new SupersededError();
      // It is reclaimed with the active jobs.
      if (suspended === 'suspended') return;
    }
    const noted = await this.#notes.noteWithRepair(lease.replica, id, job, '', { kind: 'lost' });
    if (noted === 'superseded') throw new SupersededError();
    const code = isRepeatable(job) ? 'worker_died' : 'outcome_unknown';
    const detail = `Replica ${lease.replica} died before the answer was complete.`;
    await outbox.push(id, job, problemReply(code, detail));
    await this.#finish('', id, undefined);
    turns.leave(id, job);
  }

  /** Whether another run of the request may go on with its stream. */
  async #mayRunAgain(id: string, { resume }: JobData): Promise<boolean> {
    if (resume === undefined) return false;
    const { connection, lease } = this.#options;
    const { record } = (await readLivingRecord(connection, lease.replica, id)) ?? {};
    return record !== undefined && !finalStates.has(record.state) && mayResume(record.stream, resume);
  }

  async #finish(gateway: string, id: string, frame: string | undefined): Promise<void> {
    if (await this.#live.end(gateway, [{ id, frame }])) return;
    throw new SupersededError();
  }
}
