import { storedBody } from '#shared/contract/job.ts';
import { isInLine } from '#shared/contract/job-lines.ts';
import type { JobData } from '#shared/contract/job.ts';
import { mayRetry } from '#shared/contract/retry.ts';
import type { Slots } from '#shared/process/slots.ts';
import { JobBodies } from '#shared/store/queue/job-bodies.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { RedisClock } from '#shared/store/redis/redis-clock.ts';
import { SlotMap } from '#shared/v8/slot-array.ts';
import { isStream } from '../stream/started-stream.ts';
import type { StreamEnd } from '../stream/sent-answer.ts';
import type { AnswerStreams } from '../stream/answer-streams.ts';
import type { HandlerReply } from '../handlers/handler.ts';
import type { ReplyOutbox } from '../reply/reply-outbox.ts';
import { SupersededError } from '../reply/reply-pushes.ts';
import { retryUntil } from '../reply/retry-until.ts';
import type { CancelledIds } from './cancelled-ids.ts';
import type { PutBack } from './consumer.ts';
import { isRunOnce } from './finished-runs.ts';
import { notStartedReply } from './handler-calls.ts';
import { JobAnswers } from './job-answers.ts';
import type { JobAnswersOptions } from './job-answers.ts';
import { Retries } from './retries.ts';
import type { RetriesOptions } from './retries.ts';
import { RunNotes } from './run-notes.ts';
import type { RunNotesOptions } from './run-notes.ts';
import { Running } from './running.ts';

export interface RunnerOptions extends JobAnswersOptions, RetriesOptions, RunNotesOptions {
  readonly slots: Slots;
  readonly outbox: ReplyOutbox;
  /** Sends the answers that are streams. */
  readonly streams: AnswerStreams;
  /** By which the worker serves the queue, and whether it is certain. */
  readonly lease: RunNotesOptions['lease'] & JobAnswersOptions['lease'];
  /** Requests that are aborted as soon as they are started. */
  readonly cancelled: CancelledIds;
}

/** Never settles: another worker has the job now, so this one must not finish it. The slot is free. */
const leftToAnother = new Promise<never>(() => undefined);

/** What a run leaves to be done: nothing, or its job is put back, or finished at the end of its stream. */
type Ended = PutBack | 'left' | undefined;

/** How long after its deadline the end of a request that has a record is still noted, in ms. */
const endGraceMs = 10_000;

/** Runs jobs with the handler, each until its deadline at most, and sends their replies. */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #clock: RedisClock;
  readonly #notes: RunNotes;
  readonly #answers: JobAnswers;
  readonly #retries: Retries;
  readonly #bodies: JobBodies;
  /** Those that have slots, or wait for them. */
  readonly #running: SlotMap<Running>;
  /** Those whose answers are streams, from their heads on. */
  readonly #streaming: SlotMap<Running>;
  readonly #counts: { runs: number };
  #waitingForRoom = 0;

  /** @param shared another runner of the same queue: each knows what the other one runs. */
  constructor(options: RunnerOptions, shared?: Runner) {
    this.#options = options;
    this.#clock = clockOf(options.connection);
    this.#notes = new RunNotes(options);
    this.#answers = new JobAnswers(options, this.#notes);
    this.#retries = new Retries(options, this.#notes);
    this.#bodies = new JobBodies(options.connection, options.log);
    this.#running = shared === undefined ? new SlotMap<Running>() : shared.#running;
    this.#streaming = shared === undefined ? new SlotMap<Running>() : shared.#streaming;
    this.#counts = shared === undefined ? { runs: 0 } : shared.#counts;
  }

  /** The ids of the requests that are being run, those whose answers are streams included. */
  get running(): readonly string[] {
    return [...this.#running.keys(), ...this.#streaming.keys()];
  }

  /** How many requests were started since the worker started. */
  get runs(): number {
    return this.#counts.runs;
  }

  /** Whether this request is being run. */
  isRunning(id: string): boolean {
    return this.#running.has(id) || this.#streaming.has(id);
  }

  /** How many requests are being run, those whose answers are streams excluded. */
  get size(): number {
    return this.#running.size;
  }

  /** How many answers are streams whose heads were sent. */
  get streamCount(): number {
    return this.#streaming.size;
  }

  /**
   * Runs one job and sends its reply. A job past its deadline is not started, and its reply says so. If the
   * handler has not answered by the deadline, there is no reply: the gateway has answered 504 by itself.
   * @param timesTaken how often the job was taken, this time included.
   * @returns when the job is finished, or to be put back, or its answer is a stream, whose end finishes it;
   * never, if another worker has taken the lease.
   */
  run(id: string, job: JobData, timesTaken: number): Promise<Ended> {
    // Redis has forgotten that this worker took the job, and gave it out again. One run serves both.
    if (this.#streaming.size > 0 && this.#streaming.has(id)) return Promise.resolve('left');
    const current = this.#running.get(id)?.finished;
    if (current !== undefined) return current;
    const running = new Running(job, this.#clock);
    this.#running.add(id, running);
    this.#counts.runs += 1;
    const { cancelled } = this.#options;
    if (!cancelled.empty && cancelled.has(id, performance.now())) this.cancel(id);
    running.finished = this.#run(id, job, timesTaken, running);
    return running.finished;
  }

  /** Aborts a request that is being run: its signal fires, and its client learns that it was cancelled. */
  cancel(id: string): void {
    const running = this.#running.get(id) ?? this.#streaming.get(id);
    running?.abort(new DOMException(`request ${id} is cancelled`, 'AbortError'));
  }

  /** Fires the signals of all requests. This worker answers none of them: another one reclaims them. */
  leave(): void {
    for (const running of [...this.#running.values(), ...this.#streaming.values()]) running.leave();
  }

  async #run(id: string, job: JobData, timesTaken: number, running: Running): Promise<Ended> {
    try {
      const { replica, lease, slots, turns, finished } = this.#options;
      // A request in line has its own count of starts, since its job may be taken before its turn has come.
      // Handlers see this count as the attempt.
      const turn = isInLine(job)
        ? await retryUntil(() => turns.take(replica, id, job), running.until)
        : { attempt: timesTaken };
      if (turn === undefined) {
        // Its job is gone, or Redis did not say by its deadline whose turn it is.
        if (performance.now() >= running.until) await this.#send(id, job, running, notStartedReply());
        return undefined;
      }
      if ('notBefore' in turn) {
        if (turn.running !== undefined) void this.#notes.waits(id, job, turn.running);
        return turn;
      }
      const { attempt } = turn;
      const hasStoredBody = storedBody(job);
      if (isRunOnce(job) && !finished.hasRoom(performance.now())) await this.#waitForRoom(id, running);
      if (!slots.tryAcquire()) await slots.acquire();
      let isOurs: boolean | undefined = true;
      let reply: HandlerReply | undefined;
      try {
        // A worker that was frozen may wake up with a job that is another worker's by now.
        if (!lease.certain) isOurs = await retryUntil(() => lease.makeCertain(), running.until);
        if (isOurs === true) {
          const replied = this.#answers.answer(id, job, attempt, running, hasStoredBody);
          const answered = replied instanceof Promise ? await replied : replied;
          if (answered !== undefined && isStream(answered)) {
            // Its slot is free once Redis has its head.
            const opened = await this.#options.streams.open(id, job, answered, running);
            if (opened.kind === 'open') {
              this.#stream(id, job, running, opened.ended);
              return 'left';
            }
            if (opened.kind === 'superseded') isOurs = false;
            else reply = opened.reply;
          } else {
            reply = answered;
          }
        } else if (isOurs === undefined) {
          reply = notStartedReply();
        }
      } catch (error) {
        if (!(error instanceof SupersededError)) throw error;
        isOurs = false;
      } finally {
        slots.release();
      }
      // Most replies are final, which costs nothing to find out.
      const retried =
        reply !== undefined && isOurs === true && !running.isAborted && mayRetry(reply, job)
          ? await this.#retries.retry(id, reply, job, attempt, running)
          : undefined;
      if (retried === 'superseded') isOurs = false;
      else if (retried !== undefined && 'notBefore' in retried) return retried;
      else reply = retried ?? reply;
      if (isOurs === false || running.left || !(await this.#send(id, job, running, reply)))
        await leftToAnother;
      if (hasStoredBody) await this.#bodies.remove(replica, id);
      return undefined;
    } finally {
      this.#running.take(id);
      this.#options.budget.release(id);
    }
  }

  /** Follows a stream to its end. */
  #stream(id: string, job: JobData, running: Running, ended: Promise<StreamEnd>): void {
    this.#streaming.add(id, running);
    const { finished, turns, replica, log } = this.#options;
    const stopHolding = turns.hold(replica, id, job);
    void ended.then((end) => {
      this.#streaming.take(id);
      stopHolding();
      if (isRunOnce(job)) finished.add(id, performance.now());
      if (end === 'left') return;
      turns.leave(id, job);
      if (!storedBody(job)) return;
      // Otherwise it expires.
      this.#bodies.remove(replica, id).catch((error: unknown) => {
        log.debug({ request: id, err: error }, 'the body of a request was not removed');
      });
    });
  }

  /** Waits until the end of a request that must not run again can be remembered. */
  async #waitForRoom(id: string, { until }: Running): Promise<void> {
    const { finished, log } = this.#options;
    if (this.#waitingForRoom === 0) {
      log.warn(
        { request: id, remembered: finished.size },
        'no request that must not run twice is started: too many of them ended lately',
      );
    }
    this.#waitingForRoom += 1;
    await finished.waitForRoom(until);
    this.#waitingForRoom -= 1;
  }

  /**
   * Sends a reply, again and again while Redis takes no writes: the work is done, and its answer should not
   * be lost.
   * @returns false if another worker has the job by now.
   */
  async #send(id: string, job: JobData, running: Running, reply: HandlerReply | undefined): Promise<boolean> {
    if (reply === undefined) return true;
    try {
      const until = running.until + (job.keepMs === undefined ? 0 : endGraceMs);
      const { outbox, adopter } = this.#options;
      await retryUntil(() => outbox.push(id, job, reply, running.run(adopter)), until);
      return true;
    } catch (error) {
      if (error instanceof SupersededError) return false;
      throw error;
    } finally {
      // If the job is another worker's, `#run` never reaches its own release.
      this.#options.budget.release(id);
    }
  }
}
