import type { Fenced } from '#shared/contract/fenced.ts';
import type { StartStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { periodically } from '#shared/process/periodically.ts';
import { ActiveJobs } from '#shared/store/queue/active-jobs.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { WorkerRepair } from '#shared/store/repair/worker-repair.ts';
import type { Runner } from '../run/runner.ts';
import type { Reclaimer } from './reclaimer.ts';
import type { StreamReclaimer } from './stream-reclaimer.ts';
import type { Suspects } from './suspects.ts';

export interface OrphanSweepOptions {
  readonly connection: Connection;
  readonly runner: Runner;
  readonly reclaimer: Reclaimer;
  readonly streams: StreamReclaimer;
  /** Undefined if this worker runs no suspects of the queue. */
  readonly suspects: Pick<Suspects, 'isHeld'> | undefined;
  /** The lease under which the worker serves the queue. */
  readonly lease: Fenced;
  /** The interval between two sweeps, in ms. */
  readonly everyMs: number;
  readonly log: Logger;
}

/**
 * Finds orphans: jobs that are active, or whose answers are streams, but that no worker runs. A worker that
 * was frozen may wake up, take a job, find itself superseded and exit. Or the reply with which Redis gives
 * a job to this worker is lost with its connection.
 *
 * Since this worker holds the lease, no other worker runs these jobs. A job is reclaimed only if two sweeps
 * in a row find it: the first time it may be about to run, or have just ended.
 */
export class OrphanSweep {
  readonly #options: OrphanSweepOptions;
  readonly #active: ActiveJobs;
  readonly #life: StartStop;
  #seen: ReadonlySet<string> = new Set();
  #seenStreams: ReadonlySet<string> = new Set();

  constructor(options: OrphanSweepOptions) {
    this.#options = options;
    const { connection, lease, everyMs, log } = options;
    this.#active = new ActiveJobs(connection, lease.replica);
    const repair = new WorkerRepair(connection, log);
    this.#life = periodically(
      everyMs,
      () =>
        repair.withRepair(
          async () => {
            await this.#sweep();
            await this.#sweepStreams();
          },
          () => ({ consumer: lease, requests: { replica: lease.replica, ids: this.#seen } }),
        ),
      (error) => log.warn({ err: error }, 'a sweep for orphaned jobs failed'),
    );
  }

  start(): Promise<void> {
    return this.#life.start();
  }

  stop(): Promise<void> {
    return this.#life.stop();
  }

  async #sweep(): Promise<void> {
    const { runner, suspects, lease, reclaimer } = this.#options;
    // As long as all is well, one cheap command is enough.
    const mayBeMore = (await this.#active.count()) > runner.size;
    const active = mayBeMore ? await this.#active.ids() : [];
    const unread = active.length > 0 ? await this.#active.unread(lease) : new Set();
    // A suspect whose end Redis refuses has been answered, and is active until that is done.
    const isHeld = (id: string): boolean => runner.isRunning(id) || suspects?.isHeld(id) === true;
    const orphans = active.filter((id) => !isHeld(id) && !unread.has(id));
    const seenTwice = orphans.filter((id) => this.#seen.has(id));
    this.#seen = new Set(orphans);
    if (seenTwice.length > 0) await reclaimer.reclaim(seenTwice);
  }

  async #sweepStreams(): Promise<void> {
    const { runner, streams } = this.#options;
    const mayBeMore = (await streams.count()) > runner.streamCount;
    const ids = mayBeMore ? await streams.ids() : new Set<string>();
    const orphans = [...ids].filter((id) => !runner.isRunning(id));
    const seenTwice = orphans.filter((id) => this.#seenStreams.has(id));
    this.#seenStreams = new Set(orphans);
    if (seenTwice.length > 0) await streams.reclaim(seenTwice);
  }
}
