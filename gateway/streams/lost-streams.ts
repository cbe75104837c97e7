import type { StartStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { periodically } from '#shared/process/periodically.ts';
import type { LeaseReader } from '#shared/store/lease/lease-reader.ts';
import type { JobQueues } from '#shared/store/queue/job-queues.ts';
import type { OpenStream, OpenStreams } from './open-streams.ts';

export interface LostStreamsOptions {
  readonly streams: Pick<OpenStreams, 'longerThan' | 'has' | 'ask' | 'lose'>;
  readonly queues: Pick<JobQueues, 'missing'>;
  readonly leases: Pick<LeaseReader, 'exists' | 'readFence'>;
  /** Resolves once all frames that are in the inbox now are read. */
  readonly inbox: { caughtUp(): Promise<void> };
  readonly log: Logger;
  /** How often streams are checked, in ms; younger ones are skipped. */
  readonly checkIntervalMs?: number;
  /**
   * How long a worker may have superseded that of a stream without an abort, in ms. One of the release before
   * does not know of streams and sends none.
   */
  readonly supersededMs?: number;
}

/** A stream whose end may never come. */
interface Suspect {
  readonly id: string;
  /** Whether it is lost, if its end is not in the inbox either. */
  readonly isCertain: boolean;
}

/** Streams that one log line names. */
const maxNamed = 20;

/**
 * Finds streams whose end would never come, and breaks them off: their job is gone from Redis, or no worker
 * has the lease of their replica, at two checks in turn, or another worker has it and has not aborted them. A
 * worker ends a stream together with its job. If the job is gone, and the end was not in the inbox, it was on
 * a connection that broke, so the worker is asked for it before the second check.
 */
export class LostStreams {
  readonly #options: LostStreamsOptions;
  readonly #life: StartStop;
  readonly #supersededMs: number;
  readonly #minAgeMs: number;
  /** The streams whose job was gone at the last check. */
  #jobless: ReadonlySet<string> = new Set();
  /** The replicas without a worker at the last check. */
  #unserved: ReadonlySet<string> = new Set();
  /** When the worker of each stream was first seen superseded, on the `performance.now()` clock. */
  #superseded: ReadonlyMap<string, number> = new Map();

  constructor(options: LostStreamsOptions) {
    this.#options = options;
    const { checkIntervalMs = 2000, supersededMs = 10_000, log } = options;
    this.#supersededMs = supersededMs;
    this.#minAgeMs = checkIntervalMs;
    this.#life = periodically(
      checkIntervalMs,
      () => this.#check(),
      (error) => log.debug({ err: error }, 'open streams could not be checked'),
    );
  }

  start(): Promise<void> {
    return this.#life.start();
  }

  stop(): Promise<void> {
    return this.#life.stop();
  }

  async #check(): Promise<void> {
    const { streams, inbox, log } = this.#options;
    const open = streams.longerThan(this.#minAgeMs);
    const suspected = await this.#suspected(open);
    if (suspected.length === 0) return;
    await inbox.caughtUp();
    const left = suspected.filter(({ id }) => streams.has(id));
    const lost = left.filter(({ isCertain }) => isCertain).map(({ id }) => id);
    for (const { id, isCertain } of left) if (!isCertain) streams.ask(id);
    if (lost.length === 0) return;
    log.warn({ count: lost.length, requests: lost.slice(0, maxNamed) }, 'streams are lost');
    for (const id of lost) streams.lose(id);
  }

  async #suspected(open: readonly OpenStream[]): Promise<readonly Suspect[]> {
    const jobless = new Set<string>();
    const unserved = new Set<string>();
    const superseded = new Map<string, number>();
    const byReplica = Map.groupBy(open, ({ replica }) => replica);
    const suspected = await Promise.all(
      Array.from(byReplica, async ([replica, some]) => {
        const { queues, leases } = this.#options;
        const ids = some.map(({ id }) => id);
        const [missing, isServed, fence] = await Promise.all([
          queues.missing(replica, ids).then((gone) => new Set(gone)),
          leases.exists(replica),
          leases.readFence(replica),
        ]);
        if (!isServed) unserved.add(replica);
        if (!isServed && this.#unserved.has(replica)) return some.map(({ id }) => ({ id, isCertain: true }));
        const now = performance.now();
        return some.flatMap(({ id, fence: own }) => {
          if (missing.has(id)) {
            jobless.add(id);
            return [{ id, isCertain: this.#jobless.has(id) }];
          }
          if (fence === undefined || fence <= own) return [];
          const since = this.#superseded.get(id) ?? now;
          superseded.set(id, since);
          return now - since >= this.#supersededMs ? [{ id, isCertain: true }] : [];
        });
      }),
    );
    this.#jobless = jobless;
    this.#unserved = unserved;
    this.#superseded = superseded;
    return suspected.flat();
  }
}
