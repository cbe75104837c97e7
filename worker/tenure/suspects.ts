/**
 * The suspects of a replica, run apart from other requests by the replica's own worker:
 *
 *   closed --the first that must run alone has run, or 5 s are over; then those with one loss have run, or 500 ms are
 *     over--> open
 *   open --500 ms are over, and another one must run alone--> closed --nothing runs, or 5 s are over--> alone
 *   alone --it has run, or 5 s are over--> open
 *   any --stop--> stopped: begins none any more
 *
 * While the intake is closed, the consumers of this worker take no new jobs.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Job } from 'bullmq';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { parseJob } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import { byLastBegun, mustRunAlone } from '#shared/contract/losses.ts';
import type { Loss } from '#shared/contract/losses.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { GarbledJobs } from '../queue/garbled-jobs.ts';
import type { Intake } from '../queue/intake.ts';
import { openQueue } from '#shared/store/open-queue.ts';
import { anyToken } from './reclaim.ts';
import type { Runner } from '../run/runner.ts';
import type { Slots } from '#shared/process/slots.ts';
import { beginSuspect, endSuspect, lossesOf, suspectsOf } from '#shared/store/suspect-notes.ts';
import type { Turns } from '../run/turns.ts';

export interface SuspectsOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly replica: string;
  /** Pushes replies by itself, since no consumer holds these jobs. */
  readonly runner: Runner;
  readonly slots: Slots;
  readonly intake: Intake;
  readonly turns: Turns;
  readonly garbled: GarbledJobs;
  /** Whether the worker serves a queue of its own besides, so that something may be running there. */
  readonly inherited: boolean;
  readonly log: Logger;
}

interface Suspect {
  readonly id: string;
  readonly losses: readonly Loss[];
}

/** New requests wait this long for suspects that run together, and have this long before the next one runs alone, in ms. */
const togetherMs = 500;
/** New requests wait this long for a suspect that runs alone, and that one as long for others to end, in ms. */
const aloneMs = 5000;
/** Time in ms in which Redis and the consumer hear that the consumer is paused. */
const pauseMs = 20;
const lookEveryMs = 10;
/** Before Redis is asked again after it has refused, in ms. */
const retryMs = 100;

export class Suspects {
  readonly #options: SuspectsOptions;
  #opened: Queue<JobData> | undefined;
  readonly #stopping = new AbortController();
  readonly #runs = new Set<Promise<void>>();
  /** Suspects that have not begun. */
  #waiting = 0;
  #working: Promise<void> = Promise.resolve();
  #begun = 0;

  constructor(options: SuspectsOptions) {
    this.#options = options;
  }

  /** Most workers never need it. The connection is shared. */
  get #queue(): Queue<JobData> {
    const { redis, keys, replica, log } = this.#options;
    if (this.#opened === undefined) {
      this.#opened = openQueue(redis, keys, replica);
      this.#opened.on('error', (error) => log.debug({ err: error }, 'the queue reports an error'));
    }
    return this.#opened;
  }

  /** Suspects that have not ended. */
  get size(): number {
    return this.#waiting + this.#runs.size;
  }

  /** Closes the intake if there are suspects, and begins to run them; resolves before they have run. */
  async start(): Promise<void> {
    const { redis, keys, replica, intake, log } = this.#options;
    const ids = await suspectsOf(redis, keys, replica);
    if (ids.size === 0) return;
    log.warn({ requests: [...ids] }, 'these requests were running when a worker died; they run apart');
    this.#waiting = ids.size;
    intake.reserve();
    this.#working = this.#work([...ids])
      .catch((error: unknown) => log.error({ err: error }, 'suspects could not be run'))
      .finally(() => intake.release());
  }

  /** Begins no further suspect; resolves when those that run have ended. The others wait for the next worker. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#working;
    await Promise.all(this.#runs);
    await this.#opened?.close();
  }

  async #work(ids: readonly string[]): Promise<void> {
    const { redis, keys, replica, intake, inherited } = this.#options;
    const suspects = await Promise.all(
      ids.map(async (id): Promise<Suspect> => ({ id, losses: await lossesOf(redis, keys, replica, id) })),
    );
    const lone = suspects.filter(({ losses }) => mustRunAlone(losses));
    const [first, ...others] = lone.toSorted((one, other) => byLastBegun(one.losses, other.losses));
    // At the start of a worker nothing else runs: nothing is in doubt if it dies now.
    const alone = first !== undefined && (!inherited || (await this.#isIdle()));
    if (first !== undefined) await this.#waitFor([this.#run(first.id, alone)], aloneMs);
    const together: Promise<void>[] = [];
    // One after the other is begun, so that it is known which were begun if one of them ends the process at once.
    for (const { id, losses } of suspects) {
      const run = mustRunAlone(losses) ? undefined : await this.#begin(id, false);
      if (run !== undefined) together.push(run.ended);
    }
    await this.#waitFor(together, togetherMs);
    for (const { id } of others) {
      intake.reopen();
      await this.#pause(togetherMs);
      await Promise.all(this.#runs);
      if (this.#stopping.signal.aborted) return;
      intake.close();
      await this.#waitFor([this.#run(id, await this.#isIdle())], aloneMs);
    }
  }

  /** @returns once they have ended, or the time is over. */
  async #waitFor(runs: readonly Promise<void>[], ms: number): Promise<void> {
    if (runs.length > 0) await Promise.race([Promise.all(runs), this.#pause(ms)]);
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }

  /** @returns whether nothing runs in this worker any more; false if something still does after some time. */
  async #isIdle(): Promise<boolean> {
    const { slots, runner } = this.#options;
    const until = performance.now() + aloneMs;
    await this.#pause(pauseMs);
    while (slots.taken > 0 || runner.size > 0) {
      if (performance.now() > until || this.#stopping.signal.aborted) return false;
      await this.#pause(lookEveryMs);
    }
    return true;
  }

  async #run(id: string, alone: boolean): Promise<void> {
    await (
      await this.#begin(id, alone)
    )?.ended;
  }

  /** @returns once it is begun, its run, which never rejects; undefined if it is no suspect any more. */
  async #begin(id: string, alone: boolean): Promise<{ readonly ended: Promise<void> } | undefined> {
    const { redis, keys, replica, garbled, log } = this.#options;
    if (this.#stopping.signal.aborted) return undefined;
    this.#waiting -= 1;
    this.#begun += 1;
    const found = await beginSuspect(redis, keys, replica, id, this.#begun, alone);
    if (found === undefined) return undefined;
    const job = parseJob(found.data);
    if (job === undefined) {
      await garbled.end(id);
      await endSuspect(redis, keys, replica, id);
      return undefined;
    }
    const ended: Promise<void> = this.#toItsEnd(id, job, found.attempt)
      .catch((error: unknown) => log.error({ request: id, err: error }, 'a suspect could not be run'))
      .finally(() => this.#runs.delete(ended));
    this.#runs.add(ended);
    return { ended };
  }

  async #toItsEnd(id: string, job: JobData, attempt: number): Promise<void> {
    const { redis, keys, replica, runner, turns, log } = this.#options;
    const putBack = await runner.run(id, job, attempt);
    for (;;) {
      try {
        const held = await Job.fromId<JobData>(this.#queue, id);
        if (putBack === undefined) await held?.moveToCompleted(null, anyToken, false);
        else await held?.moveToDelayed(clockOf(redis).toOwn(putBack.notBefore), anyToken);
        await endSuspect(redis, keys, replica, id);
        if (putBack === undefined) turns.leave(id, job);
        return;
      } catch (error) {
        log.debug({ request: id, err: error }, 'Redis has refused the end of a suspect');
        await delay(retryMs);
      }
    }
  }
}
