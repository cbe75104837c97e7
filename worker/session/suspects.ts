/**
 * The suspects of a replica, which the replica's own worker runs isolated from other requests:
 *
 *   closed --the first that must run alone has ended, or 5 s are over; then those with one crash have ended,
 *     or 500 ms are over--> open
 *   open --500 ms are over, and another one must run alone--> closed --nothing runs, or 5 s are over--> alone
 *   alone --it has ended, or 5 s are over--> open
 *   any --stop--> stopped: starts no more of them
 *
 * While the intake is closed, the consumers of this worker take no new jobs. While the queue is paused, none
 * of them is started.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseJob } from '#shared/contract/job.ts';
import type { Fenced } from '#shared/contract/fenced.ts';
import type { JobData } from '#shared/contract/job.ts';
import { byLastStart, mustRunAlone } from '#shared/contract/request-crashes.ts';
import type { Crash } from '#shared/contract/request-crashes.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { Slots } from '#shared/process/slots.ts';
import { QueueJobs } from '#shared/store/queue/queue-jobs.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { isPaused } from '#shared/store/queue/queue-pauses.ts';
import { crashesOf, endSuspect, startSuspect, suspectsOf } from '#shared/store/queue/suspect-notes.ts';
import type { GarbledJobs } from '../queue/garbled-jobs.ts';
import type { Intake } from '../queue/intake.ts';
import type { Runner } from '../run/runner.ts';
import type { Turns } from '../run/turns.ts';
import type { StreamSlots } from '../stream/stream-slots.ts';

export interface SuspectsOptions {
  readonly connection: Connection;
  readonly replica: string;
  /** The lease under which the queue is served. */
  readonly lease: Fenced;
  /** Pushes replies by itself, since no consumer holds these jobs. */
  readonly runner: Runner;
  readonly slots: Slots;
  /** Those of the streams of the worker. */
  readonly streamSlots: Pick<StreamSlots, 'taken'>;
  readonly intake: Intake;
  readonly turns: Turns;
  readonly garbled: GarbledJobs;
  /** Whether the worker serves a queue of its own besides, so that requests may be running there. */
  readonly inherited: boolean;
  readonly log: Logger;
}

interface Suspect {
  readonly id: string;
  readonly crashes: readonly Crash[];
}

/** New requests wait this long for suspects that run together, then run as long before a lone one, in ms. */
const togetherMs = 500;
/** New requests wait this long for a suspect that runs alone, and it waits this long for others, in ms. */
const aloneMs = 5000;
/** Time in ms in which Redis and the consumer learn that the consumer is paused. */
const pauseMs = 20;
const idlePollIntervalMs = 10;
/** How often a paused queue is checked, in ms. */
const pausedPollMs = 200;
/** The pause before Redis is asked again after it has refused, in ms. */
const retryDelayMs = 100;

export class Suspects {
  readonly #options: SuspectsOptions;
  readonly #jobs: QueueJobs;
  readonly #stopping = new AbortController();
  readonly #runs = new Set<Promise<void>>();
  /** Suspects that are being started, that run, or whose ends Redis has not got yet. */
  readonly #held = new Set<string>();
  /** Suspects that have not started. */
  #waiting = 0;
  #working: Promise<void> = Promise.resolve();
  #started = 0;

  constructor(options: SuspectsOptions) {
    this.#options = options;
    this.#jobs = new QueueJobs(options.connection, options.replica, options.log);
  }

  /** Suspects that have not ended. */
  get size(): number {
    return this.#waiting + this.#runs.size;
  }

  /** Whether this worker has begun to start the suspect, and its job is not finished or put back. */
  isHeld(id: string): boolean {
    return this.#held.has(id);
  }

  /** Closes the intake if there are suspects, and begins to run them. Resolves before they have ended. */
  async start(): Promise<void> {
    const { connection, replica, intake, log } = this.#options;
    const ids = await suspectsOf(connection, replica);
    if (ids.size === 0) return;
    log.warn({ requests: [...ids] }, 'these requests were running when a worker died; they run isolated');
    this.#waiting = ids.size;
    intake.reserve();
    this.#working = this.#runAll([...ids])
      .catch((error: unknown) => log.error({ err: error }, 'suspects could not be run'))
      .finally(() => intake.release());
  }

  /** Starts no more suspects. Resolves when those that run have ended; the rest is for the next worker. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#working;
    await Promise.all(this.#runs);
    await this.#jobs.close();
  }

  async #runAll(ids: readonly string[]): Promise<void> {
    const { connection, replica, intake, inherited } = this.#options;
    await this.#untilResumed();
    const suspects = await Promise.all(
      ids.map(async (id): Promise<Suspect> => ({ id, crashes: await crashesOf(connection, replica, id) })),
    );
    const lone = suspects.filter(({ crashes }) => mustRunAlone(crashes));
    const [first, ...others] = lone.toSorted((one, other) => byLastStart(one.crashes, other.crashes));
    // Nothing else runs while a worker starts: if the worker dies now, the cause is certain.
    const alone = first !== undefined && (!inherited || (await this.#isIdle()));
    if (first !== undefined) await this.#waitFor([this.#run(first.id, alone)], aloneMs);
    const together: Promise<void>[] = [];
    // One after the other, so that it is known which have started if one of them ends the process at once.
    for (const { id, crashes } of suspects) {
      const run = mustRunAlone(crashes) ? undefined : await this.#start(id, false);
      if (run !== undefined) together.push(run.ended);
    }
    await this.#waitFor(together, togetherMs);
    for (const { id } of others) {
      intake.reopen();
      await this.#pause(togetherMs);
      await Promise.all(this.#runs);
      await this.#untilResumed();
      if (this.#stopping.signal.aborted) return;
      intake.close();
      await this.#waitFor([this.#run(id, await this.#isIdle())], aloneMs);
    }
  }

  /** Waits while the queue is paused. */
  async #untilResumed(): Promise<void> {
    const { connection, replica } = this.#options;
    while (!this.#stopping.signal.aborted) {
      // If Redis does not say, it is asked again.
      if (!(await isPaused(connection, replica).catch(() => true))) return;
      await this.#pause(pausedPollMs);
    }
  }

  /** @returns once they have ended, or the time is over. */
  async #waitFor(runs: readonly Promise<void>[], ms: number): Promise<void> {
    if (runs.length > 0) await Promise.race([Promise.all(runs), this.#pause(ms)]);
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }

  /**
   * Waits until nothing runs in this worker.
   * @returns false if something still does after some time.
   */
  async #isIdle(): Promise<boolean> {
    const { slots, streamSlots, runner } = this.#options;
    const until = performance.now() + aloneMs;
    await this.#pause(pauseMs);
    while (slots.taken > 0 || streamSlots.taken > 0 || runner.size > 0) {
      if (performance.now() > until || this.#stopping.signal.aborted) return false;
      await this.#pause(idlePollIntervalMs);
    }
    return true;
  }

  async #run(id: string, alone: boolean): Promise<void> {
    const run = await this.#start(id, alone);
    await run?.ended;
  }

  /**
   * @returns once it has started, its run, which never rejects; undefined if it is no longer a suspect, or
   * another worker has taken the lease.
   */
  async #start(id: string, alone: boolean): Promise<{ readonly ended: Promise<void> } | undefined> {
    if (this.#stopping.signal.aborted) return undefined;
    this.#waiting -= 1;
    this.#held.add(id);
    const run = await this.#begin(id, alone).catch((error: unknown) => {
      this.#held.delete(id);
      throw error;
    });
    if (run === undefined) this.#held.delete(id);
    return run;
  }

  async #begin(id: string, alone: boolean): Promise<{ readonly ended: Promise<void> } | undefined> {
    const { connection, replica, lease, garbled, log } = this.#options;
    this.#started += 1;
    const started = await startSuspect(connection, lease, id, this.#started, alone);
    if (started === undefined || started === 'superseded') return undefined;
    const job = parseJob(started.data);
    if (job === undefined) {
      await garbled.end(id);
      await endSuspect(connection, replica, id);
      return undefined;
    }
    const ended: Promise<void> = this.#runToEnd(id, job, started.attempt)
      .catch((error: unknown) => log.error({ request: id, err: error }, 'a suspect could not be run'))
      .finally(() => {
        this.#runs.delete(ended);
        this.#held.delete(id);
      });
    this.#runs.add(ended);
    return { ended };
  }

  async #runToEnd(id: string, job: JobData, attempt: number): Promise<void> {
    const { connection, replica, runner, turns, log } = this.#options;
    const next = await runner.run(id, job, attempt);
    for (;;) {
      try {
        // Whoever sends a stream finishes its job. Once its head is sent, it is no suspect any more.
        const active = next === 'left' ? undefined : await this.#jobs.find(id);
        if (next === undefined) await active?.complete();
        else if (next !== 'left') await active?.delayUntil(next.notBefore);
        await endSuspect(connection, replica, id);
        if (next === undefined) turns.leave(id, job);
        return;
      } catch (error) {
        log.debug({ request: id, err: error }, 'Redis has refused to end a suspect');
        await delay(retryDelayMs);
      }
    }
  }
}
