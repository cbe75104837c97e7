import type { Fenced } from '#shared/contract/fenced.ts';
import type { JobData } from '#shared/contract/job.ts';
import { problemReply } from '#shared/contract/problem.ts';
import type { NotedEvent } from '#shared/contract/request-events.ts';
import { decideOnHeld } from '#shared/contract/redelivery.ts';
import type { Logger } from '#shared/process/logger.ts';
import { ActiveJobs } from '#shared/store/queue/active-jobs.ts';
import { CrashNotes } from '#shared/store/lease/crash-notes.ts';
import { QueueJobs } from '#shared/store/queue/queue-jobs.ts';
import type { QueuedJob } from '#shared/store/queue/queue-jobs.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { countsOf } from '#shared/store/ring/cluster-counts.ts';
import { RequestNotes } from '#shared/store/records/request-notes.ts';
import { WorkerRepair } from '#shared/store/repair/worker-repair.ts';
import {
  clearSuspects,
  endSuspect,
  recordCrash,
  startSuspect,
  suspectsOf,
} from '#shared/store/queue/suspect-notes.ts';
import type { RecordedCrash } from '#shared/store/queue/suspect-notes.ts';
import { BegunJobs } from '../notes/begun-jobs.ts';
import { isNoted } from '../notes/noted-jobs.ts';
import type { NotesPlace } from '../notes/notes-files.ts';
import type { GarbledJobs } from '../queue/garbled-jobs.ts';
import type { ReplyOutbox } from '../reply/reply-outbox.ts';
import { SupersededError } from '../reply/reply-pushes.ts';
import type { Turns } from '../run/turns.ts';
import type { StreamReclaimer } from './stream-reclaimer.ts';

export interface ReclaimerOptions {
  readonly connection: Connection;
  readonly replica: string;
  /** By which the caller serves the queue. */
  readonly lease: Fenced;
  /** Where workers note the requests that they begin; undefined if this host has no such place. */
  readonly notesPlace: NotesPlace | undefined;
  readonly outbox: ReplyOutbox;
  readonly garbled: GarbledJobs;
  readonly turns: Turns;
  /** Ends the streams that the worker sent. */
  readonly streams: StreamReclaimer;
  readonly log: Logger;
}

/** A death of the worker that held the jobs. */
export interface Death {
  /** The fence of the worker that reclaims: no other death of this replica's workers has that name. */
  readonly name: string;
  /** The generation that died. */
  readonly generation: number;
  /** Whether ringpost or a shutdown ended it. If so, it counts as a crash for none of the requests. */
  readonly expected: boolean;
}

/** How many reclaimed jobs run again, are suspects, or ended with an unknown outcome. */
export interface Reclaimed {
  again: number;
  suspects: number;
  unknown: number;
  /** Suspects that are never run again, with their crashes. */
  readonly poison: RecordedCrash[];
  /** Ids of the requests that the dead worker was running, or may have been. */
  readonly ran: string[];
}

/** One of the jobs to reclaim. No worker runs it. */
interface Held {
  readonly id: string;
  readonly job: QueuedJob;
  /** A job that was taken later has a higher one. */
  readonly startOrder: number;
  readonly suspect: boolean;
}

/** How many ids are kept of the requests that a crashed worker was running. */
const maxNamed = 100;

/**
 * Reclaims jobs of a replica that are active but not being run by any worker. A job that was not started goes
 * to the head of the queue. A job that was started and may run again becomes a suspect, or fails as poison.
 * The client of any other job learns that its outcome is unknown.
 *
 * The caller holds the replica's lease. If it loses the lease meanwhile, Redis refuses what it notes, and
 * `SupersededError` is thrown.
 */
export class Reclaimer {
  readonly #options: ReclaimerOptions;
  readonly #active: ActiveJobs;
  readonly #crashes: CrashNotes;
  readonly #notes: RequestNotes;

  constructor(options: ReclaimerOptions) {
    this.#options = options;
    this.#active = new ActiveJobs(options.connection, options.replica);
    this.#crashes = new CrashNotes(options.connection);
    this.#notes = new RequestNotes(options.connection, options.log, options.lease);
  }

  /**
   * Reclaims all jobs that a dead generation held, even if Redis has garbled data in a key of the replica or
   * of one of the requests. Call it before the first job is taken.
   */
  async reclaimAll(death: Death): Promise<void> {
    const { connection, replica, streams, log } = this.#options;
    let held: readonly string[] = [];
    await new WorkerRepair(connection, log).withRepair(
      async () => {
        const streaming = await streams.ids();
        await streams.reclaim(streaming);
        if (!death.expected) countsOf(connection).add('losses', streaming.size);
        held = await this.#active.ids();
        await this.reclaim(held, death);
      },
      () => ({ replicas: [replica], requests: { replica, ids: held } }),
    );
  }

  /**
   * Reclaims some jobs.
   * @param held their ids, newest first as BullMQ lists them, so that the oldest job ends up at the head.
   * @param death of the worker that held them; undefined if no worker died.
   */
  async reclaim(held: readonly string[], death?: Death): Promise<Reclaimed> {
    const { connection, replica, lease, garbled, log } = this.#options;
    const reclaimed: Reclaimed = { again: 0, suspects: 0, unknown: 0, poison: [], ran: [] };
    if (held.length === 0) return reclaimed;
    const jobs = new QueueJobs(connection, replica, log);
    try {
      const suspects = await suspectsOf(connection, replica);
      // No worker died for the jobs of a sweep: this one might begin them, and then note them, meanwhile.
      const place = death === undefined ? undefined : this.#options.notesPlace;
      const begun = new BegunJobs(place, replica);
      const reason = death === undefined ? '' : await this.#reasonOf(death);
      for (const [at, id] of held.entries()) {
        const job = await jobs.read(id);
        if (job === undefined) await this.#active.discard(id);
        else if (job === 'garbled') {
          await garbled.end(id);
          reclaimed.unknown += 1;
        } else {
          const one = { id, job, startOrder: held.length - at, suspect: suspects.has(id) };
          await this.#reclaimOne(one, death, reason, begun, reclaimed);
        }
      }
    } finally {
      await jobs.close();
    }
    const { poison, ran, ...counts } = reclaimed;
    const clusterCounts = countsOf(connection);
    if (death !== undefined && !death.expected) clusterCounts.add('losses', ran.length);
    clusterCounts.add('convictions', poison.length);
    for (const { crashes, alone } of poison)
      if (alone && (await clearSuspects(connection, lease, crashes)) === 'superseded')
        throw new SupersededError();
    if (death !== undefined && !death.expected && ran.length > 0) {
      const requests = ran.slice(0, maxNamed);
      await this.#crashes.note(replica, { generation: death.generation, requests });
    }
    log.warn({ ...counts, poison: poison.length }, 'reclaimed jobs that no worker runs');
    return reclaimed;
  }

  /** Fails a suspect that is never run again. */
  async failPoison(id: string, detail: string): Promise<void> {
    const { connection, replica, lease, garbled, log } = this.#options;
    const started = await startSuspect(connection, lease, id, 'poison', true);
    if (started === 'superseded') throw new SupersededError();
    const jobs = new QueueJobs(connection, replica, log);
    try {
      const job = started === undefined ? undefined : await jobs.read(id);
      if (job === 'garbled') await garbled.end(id);
      else if (job !== undefined) await this.#fail(id, job, 'worker_died', detail);
      await endSuspect(connection, replica, id);
    } finally {
      await jobs.close();
    }
  }

  async #reclaimOne(
    { id, job, startOrder, suspect }: Held,
    death: Death | undefined,
    reason: string,
    begun: BegunJobs,
    reclaimed: Reclaimed,
  ): Promise<void> {
    const { connection, replica, lease } = this.#options;
    const lock = await this.#active.lockOf(id);
    const taken = await this.#active.startCount(id, job);
    const noted = isNoted(job.data);
    const startCount = noted ? begun.startCount(id, taken, lock) : taken;
    if (startCount > 0 && !suspect) reclaimed.ran.push(id);
    const lost: NotedEvent =
      startCount === 0 ? { kind: 'queued' } : { kind: 'lost', detail: reasonIn(reason, death) };
    if (decideOnHeld(job.data, startCount) !== 'again') {
      await this.#note(id, job.data, '', lost);
      const died = `Replica ${replica} died while it ran this request${reason}`;
      const detail = `${died}; it is not known whether it was done.`;
      await this.#fail(id, job, 'outcome_unknown', detail);
      reclaimed.unknown += 1;
      return;
    }
    const counts = death !== undefined && !death.expected;
    const crash =
      suspect || (counts && startCount > 0)
        ? await recordCrash(connection, lease, id, { death: death?.name ?? '', startOrder, counts })
        : undefined;
    if (crash === 'superseded') throw new SupersededError();
    // The worker that died was frozen, and has put it back meanwhile.
    if (crash === 'gone') return;
    if (suspect && crash !== undefined) reclaimed.ran.push(id);
    if (crash?.poison) {
      const times = crash.crashes.length;
      await this.#note(id, job.data, '', lost);
      const died = `Replica ${replica} died ${times} times while it ran this request${reason}`;
      await this.failPoison(id, `${died}; it is not run again.`);
      reclaimed.poison.push(crash);
      return;
    }
    // A suspect waits for the replica's own worker, which runs it isolated from other requests.
    const becomesSuspect = suspect || crash !== undefined;
    // Nobody begins the suspect before this note: a session that starts has begun none yet, and the sweep
    // leaves out those that this worker holds.
    if (becomesSuspect) await this.#note(id, job.data, 'queued', lost);
    else {
      const claimed = await this.#active.claim(id, lease, lock, noted);
      if (claimed === 'superseded') throw new SupersededError();
      // It was given to a worker, which decides.
      if (claimed === 'taken') return;
      // This comes first: once it is put back, its next attempt may begin, and note that it runs.
      await this.#note(id, job.data, 'queued', lost);
      await job.requeue(claimed.token);
    }
    const counted = becomesSuspect ? 'crash' : causeOf(death, startCount);
    countsOf(connection).add(`redeliveries:${counted}`);
    if (becomesSuspect) reclaimed.suspects += 1;
    else reclaimed.again += 1;
  }

  /** @throws {SupersededError} if another worker has taken the lease. */
  async #note(id: string, job: JobData, state: 'queued' | '', event: NotedEvent): Promise<void> {
    const noted = await this.#notes.noteWithRepair(this.#options.replica, id, job, state, event);
    if (noted === 'superseded') throw new SupersededError();
  }

  /** Ends a job with a problem as its reply. */
  async #fail(
    id: string,
    job: QueuedJob,
    code: 'outcome_unknown' | 'worker_died',
    detail: string,
  ): Promise<void> {
    const { outbox, turns } = this.#options;
    const data: JobData = job.data;
    await outbox.push(id, data, problemReply(code, detail));
    await job.fail(new Error(code));
    turns.leave(id, data);
  }

  /** @returns why the worker died, in brackets, if that is known. */
  async #reasonOf({ generation }: Death): Promise<string> {
    const crash = await this.#crashes.read(this.#options.replica);
    return crash?.generation === generation && crash.reason !== undefined ? ` (${crash.reason})` : '';
  }
}

/** @returns why a request that is no suspect is delivered again. */
function causeOf(death: Death | undefined, startCount: number): 'not_started' | 'orphaned' | 'stop' {
  if (startCount === 0) return 'not_started';
  return death === undefined ? 'orphaned' : 'stop';
}

/** @param reason in brackets, or ''. @returns what the timeline of a request says of a death. */
function reasonIn(reason: string, death: Death | undefined): string {
  if (reason !== '') return reason.slice(2, -1);
  return death?.expected === true ? 'it was stopped' : '';
}
