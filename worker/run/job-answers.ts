import type { JobData } from '#shared/contract/job.ts';
import { problemReply } from '#shared/contract/problem.ts';
import { decideOnTaken } from '#shared/contract/redelivery.ts';
import { countsOf } from '#shared/store/ring/cluster-counts.ts';
import type { LargeValues } from '#shared/store/replies/large-values.ts';
import { SupersededError } from '../reply/reply-pushes.ts';
import { retryUntil } from '../reply/retry-until.ts';
import type { ResumePoint } from '../handlers/handler.ts';
import { HandlerCalls, notStartedReply } from './handler-calls.ts';
import type { Answered, HandlerCallsOptions } from './handler-calls.ts';
import { continued, Resumptions } from './resumptions.ts';
import type { ResumptionsOptions } from './resumptions.ts';
import { endedBeforeStartReply } from './run-notes.ts';
import type { RunNotes } from './run-notes.ts';
import type { Running } from './running.ts';

export interface JobAnswersOptions extends HandlerCallsOptions, ResumptionsOptions {
  /** Reads large request bodies. */
  readonly large: LargeValues;
  /** Whether the lease is certainly this worker's, and a way to make sure: false if another worker has it. */
  readonly lease: { readonly certain: boolean; makeCertain(): Promise<boolean> };
}

/** Answers jobs that have a slot: with the handler, or by itself if a job must not run. */
export class JobAnswers {
  readonly #options: JobAnswersOptions;
  readonly #calls: HandlerCalls;
  readonly #notes: RunNotes;
  readonly #resumptions: Resumptions;

  constructor(options: JobAnswersOptions, notes: RunNotes) {
    this.#options = options;
    this.#calls = new HandlerCalls(options);
    this.#notes = notes;
    this.#resumptions = new Resumptions(options);
  }

  answer(
    id: string,
    job: JobData,
    attempt: number,
    running: Running,
    hasStoredBody: boolean,
  ): Answered | Promise<Answered> {
    if (job.cancelled === true) return endedBeforeStartReply('cancelled');
    if (job.resume === true && attempt > 1) return this.#resume(id, job, attempt, running, hasStoredBody);
    return this.#decide(id, job, attempt, running, hasStoredBody);
  }

  #decide(
    id: string,
    job: JobData,
    attempt: number,
    running: Running,
    hasStoredBody: boolean,
  ): Answered | Promise<Answered> {
    const { finished } = this.#options;
    const { redelivery } = job;
    const done = redelivery === 'never' && finished.has(id);
    const taken = { redelivery, deadline: running.until, timesTaken: attempt, finished: done };
    const decision = decideOnTaken(taken, performance.now());
    switch (decision) {
      case 'drop':
        return notStartedReply();
      case 'unknown':
        return problemReply('outcome_unknown', 'The request was run before; Redis has lost its outcome.');
      case 'run':
        // Most requests need nothing else.
        return job.keepMs === undefined && !hasStoredBody
          ? this.#calls.answer(id, job, attempt, running)
          : this.#answerPrepared(id, job, attempt, running, hasStoredBody);
      default:
        return decision satisfies never;
    }
  }

  /** Takes up the stream that an earlier run has begun, if there is one. */
  async #resume(
    id: string,
    job: JobData,
    attempt: number,
    running: Running,
    hasStoredBody: boolean,
  ): Promise<Answered> {
    const found = await this.#resumptions.find(id, job, running);
    if (found === undefined) return this.#decide(id, job, attempt, running, hasStoredBody);
    if (!('point' in found)) return found;
    const answered = await this.#answerPrepared(id, job, attempt, running, hasStoredBody, found.point);
    const taken = continued(answered, found);
    if (taken !== undefined && 'resumed' in taken) countsOf(this.#options.connection).add('resumes');
    return taken;
  }

  /** Answers a request that has a record, or whose body is in its own key. */
  async #answerPrepared(
    id: string,
    job: JobData,
    attempt: number,
    running: Running,
    hasStoredBody: boolean,
    resumeFrom?: ResumePoint,
  ): Promise<Answered> {
    const { large, replica } = this.#options;
    const body = hasStoredBody ? await large.readRequestBody(replica, id) : undefined;
    if (job.keepMs !== undefined) {
      const noted = await this.#notes.started(id, job, attempt, running.taken, running.until);
      if (noted === undefined) return notStartedReply();
      if (noted === 'superseded') throw new SupersededError();
      if (noted !== 'noted') return endedBeforeStartReply(noted);
    }
    // Redis may have taken a long time.
    if (!(await this.#isOurs(running)) || performance.now() >= running.until) return notStartedReply();
    return this.#calls.answer(id, job, attempt, running, { storedBody: body, resumeFrom });
  }

  /**
   * @returns false if the deadline passed before that was known.
   * @throws {SupersededError} if another worker has taken the lease.
   */
  async #isOurs({ until }: Running): Promise<boolean> {
    const { lease } = this.#options;
    if (lease.certain) return true;
    const isOurs = await retryUntil(() => lease.makeCertain(), until);
    if (isOurs === false) throw new SupersededError();
    return isOurs === true;
  }
}
