import type { HeldJob } from '#shared/contract/delivery.ts';
import { parseJob } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import type { Logger } from '#shared/process/logger.ts';
import { SlotMap } from '#shared/v8/slot-array.ts';
import type { BegunNotes } from '../notes/begun-notes.ts';
import { SupersededError } from '../reply/reply-pushes.ts';
import { isNoted } from '../notes/noted-jobs.ts';
import type { OnFinished, OnGarbled, PutBack, RunJob } from '../run/consumer.ts';
import type { JobHandling } from './job-handling.ts';

export interface HeldJobsOptions {
  readonly notes: BegunNotes;
  readonly handling: JobHandling;
  readonly run: RunJob;
  /** Finishes a job in the queue. Rejects if Redis refuses, or if another worker has taken the lease. */
  readonly finish: (id: string) => Promise<void>;
  readonly onFinished: OnFinished;
  readonly onGarbled: OnGarbled;
  /** Called when a job is no longer held, and no tick has finished it. */
  readonly onFreed: () => void;
  readonly log: Logger;
}

/** The jobs that a batched consumer holds: it took them, and they are not gone from the queue. */
export class HeldJobs {
  readonly #options: HeldJobsOptions;
  readonly #jobs = new SlotMap<JobData>();
  /** How many jobs are being put back, or ended because they are garbled. */
  #returning = 0;

  constructor(options: HeldJobsOptions) {
    this.#options = options;
  }

  /** How many jobs are held, those that are being put back excluded. */
  get count(): number {
    return this.#jobs.size;
  }

  /** How many slots are taken, also by jobs that are being put back. */
  get takenSlots(): number {
    return this.#jobs.size + this.#returning;
  }

  ids(): Iterable<string> {
    return this.#jobs.keys();
  }

  /**
   * Runs jobs, after it has noted those that must not run twice. If one is held already, Redis has forgotten
   * that this worker took it, and nothing happens.
   */
  start(held: readonly HeldJob[]): void {
    const starting: { readonly id: string; readonly job: JobData; readonly timesTaken: number }[] = [];
    const noted: string[] = [];
    for (const { id, data, timesTaken } of held) {
      if (this.#jobs.has(id)) continue;
      const job = data === null ? undefined : parseJob(data);
      if (job === undefined) {
        void this.#returned(this.#options.onGarbled(id));
        continue;
      }
      this.#jobs.add(id, job);
      starting.push({ id, job, timesTaken });
      if (isNoted(job)) noted.push(id);
    }
    this.#options.notes.note(noted);
    for (const { id, job, timesTaken } of starting) void this.#run(id, job, timesTaken);
  }

  /** A tick has finished the job. */
  remove(id: string): void {
    const job = this.#jobs.take(id);
    if (job !== undefined) this.#options.onFinished(id, job);
  }

  /** Never rejects. */
  async #run(id: string, job: JobData, timesTaken: number): Promise<void> {
    try {
      const next = await this.#options.run(id, job, timesTaken);
      if (next === 'left') this.#left(id);
      else if (next !== undefined) await this.#putBack(id, next);
      else if (this.#jobs.has(id)) await this.#finish(id);
    } catch (error) {
      await this.#fail(id, error);
    }
  }

  /** Finishes a job after its run. If its reply was pushed, the job is gone already. */
  async #finish(id: string): Promise<void> {
    while (this.#jobs.has(id)) {
      try {
        await this.#options.finish(id);
      } catch (error) {
        if (error instanceof SupersededError) return;
        // Redis has refused. Ask again until it accepts.
      }
    }
  }

  /** The job is not active any more, and its slot is free. */
  #left(id: string): void {
    this.#jobs.take(id);
    this.#options.onFreed();
  }

  async #putBack(id: string, { notBefore, onPutBack }: PutBack): Promise<void> {
    // It may be taken again before this is answered; that is another run.
    this.#jobs.take(id);
    await this.#returned(this.#options.handling.putBack(id, notBefore));
    onPutBack?.();
  }

  async #returned(returning: Promise<void>): Promise<void> {
    this.#returning += 1;
    await returning;
    this.#returning -= 1;
    this.#options.onFreed();
  }

  async #fail(id: string, error: unknown): Promise<void> {
    this.#options.log.error({ request: id, err: error }, 'a job failed');
    await this.#options.handling.fail(id, error);
    this.#jobs.take(id);
    this.#options.onFreed();
  }
}
