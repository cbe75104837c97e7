import type { Redis } from 'ioredis';
import { storedBody } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import { problemReply } from '#shared/contract/problem.ts';
import { decideOnTaken } from '#shared/contract/redelivery.ts';
import { mayRetry, retryAt } from '#shared/contract/retry.ts';
import { orNull } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { RedisClock } from '#shared/store/redis/redis-clock.ts';
import { SlotMap } from '#shared/v8/slot-array.ts';
import type { CancelledIds } from './cancelled-ids.ts';
import type { PutBack } from './consumer.ts';
import { droppedUnrun, HandlerCalls, Running } from './handler-calls.ts';
import type { HandlerCallsOptions } from './handler-calls.ts';
import type { HandlerReply } from '../handlers/handler.ts';
import { insist } from '../reply/insist.ts';
import { SupersededError } from '../reply/reply-pushes.ts';
import type { LargeValues } from '../reply/large-values.ts';
import type { ReplyBudget } from '../handlers/reply-budget.ts';
import type { ReplyOutbox } from '../reply/reply-outbox.ts';
import { notBegun, RunNotes } from './run-notes.ts';
import type { Slots } from '#shared/process/slots.ts';
import { lossesOf } from '#shared/store/suspect-notes.ts';
import type { Turns } from './turns.ts';

export interface RunnerOptions extends HandlerCallsOptions {
  readonly slots: Slots;
  readonly turns: Turns;
  readonly outbox: ReplyOutbox;
  /** Requests that are let go as soon as they are begun. */
  readonly cancelled: CancelledIds;
  /** Bytes of answers that the worker holds. */
  readonly budget: ReplyBudget;
  /** What large request bodies are read on. */
  readonly large: LargeValues;
  readonly redis: Redis;
  readonly keys: Keys;
  /** Whether the lease is certainly ours, and a way to make sure of it: false where it is another's. */
  readonly lease: { readonly certain: boolean; makeCertain(): Promise<boolean> };
}

/** What becomes of a job that another worker has by now: it is not this worker's to finish. */
const leftToAnother = new Promise<never>(() => undefined);

/** The end of a request that has a record is of interest for this long after its deadline, in ms. */
const endGraceMs = 10_000;

/** Runs jobs with the handler, each until its deadline at most, and sends their replies. */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #clock: RedisClock;
  readonly #calls: HandlerCalls;
  readonly #notes: RunNotes;
  readonly #running: SlotMap<Running>;
  readonly #counts: { runs: number };
  #waitingForRoom = 0;

  /** @param shared another runner of the same queue: each knows what the other one runs. */
  constructor(options: RunnerOptions, shared?: Runner) {
    this.#options = options;
    this.#clock = clockOf(options.redis);
    this.#calls = new HandlerCalls(options);
    this.#notes = new RunNotes(options);
    this.#running = shared === undefined ? new SlotMap<Running>() : shared.#running;
    this.#counts = shared === undefined ? { runs: 0 } : shared.#counts;
  }

  /** The ids of the requests that are being run. */
  get running(): readonly string[] {
    return [...this.#running.keys()];
  }

  /** How many requests were begun since the worker started. */
  get runs(): number {
    return this.#counts.runs;
  }

  /** Whether this request is being run. */
  isRunning(id: string): boolean {
    return this.#running.has(id);
  }

  /** How many requests are being run. */
  get size(): number {
    return this.#running.size;
  }

  /**
   * Runs one job and sends its reply. A job past its deadline is dropped unrun, and its reply says so. One whose handler has
   * not answered by then is let go without a reply: its gateway has answered 504 by itself.
   * @param attempt how often the job was taken: 1 for the first time.
   * @returns when the job is finished, or to be put back; never, where another worker has taken the lease.
   */
  run(id: string, job: JobData, attempt: number): Promise<PutBack | undefined> {
    // Redis has forgotten that it gave the job out: the run that is under way is the run of both.
    const underWay = this.#running.get(id)?.finished;
    if (underWay !== undefined) return underWay;
    const running = new Running(job.deadline, this.#clock);
    this.#running.add(id, running);
    this.#counts.runs += 1;
    const { cancelled } = this.#options;
    if (!cancelled.empty && cancelled.has(id, performance.now())) this.cancel(id);
    running.finished = this.#run(id, job, attempt, running);
    return running.finished;
  }

  /** Lets a request go that is being run: its signal fires, and its client learns that it was cancelled. */
  cancel(id: string): void {
    this.#running.get(id)?.letGo(new DOMException(`request ${id} is cancelled`, 'AbortError'));
  }

  async #run(id: string, job: JobData, taken: number, running: Running): Promise<PutBack | undefined> {
    try {
      const { redis, keys, replica, lease, slots, turns, finished, log } = this.#options;
      // Of what runs in turn it is counted how often it was begun; to be taken may also mean to wait on.
      const turn =
        job.order === undefined
          ? { attempt: taken }
          : await insist(() => turns.take(replica, id, job), running.until);
      if (turn === undefined) {
        // Its job is gone, or its deadline has passed while Redis refused to say whose turn it is.
        if (performance.now() >= running.until) await this.#send(id, job, running, droppedUnrun());
        return undefined;
      }
      if ('notBefore' in turn) return turn;
      const { attempt } = turn;
      const bodyKey = storedBody(job) ? keys.requestBody(replica, id) : undefined;
      if (job.redelivery === 'never' && !finished.hasRoom(performance.now())) await this.#room(id, running);
      if (!slots.tryTake()) await slots.take();
      let mine: boolean | undefined = true;
      let reply: HandlerReply | undefined;
      try {
        // A worker that was frozen may wake up with a job in its hands that is not its own any more.
        if (!lease.certain) mine = await insist(() => lease.makeCertain(), running.until);
        if (mine === true) {
          const replied = this.#replyTo(id, job, attempt, running, bodyKey);
          reply = replied instanceof Promise ? await replied : replied;
        } else if (mine === undefined) {
          reply = droppedUnrun();
        }
      } catch (error) {
        if (!(error instanceof SupersededError)) throw error;
        mine = false;
      } finally {
        slots.give();
      }
      // Most answers stand, and cost nothing to find out.
      const again =
        reply !== undefined && mine === true && !running.abort.signal.aborted && mayRetry(reply, job)
          ? await this.#again(id, reply, job, attempt, running)
          : undefined;
      if (again !== undefined) {
        const noted = await this.#notes.queued(id, job);
        if (noted === 'noted') {
          // It leaves before it is put back: it may be taken again at once, and joins the line then.
          await insist(() => turns.pass(id, job), running.until).catch((error: unknown) =>
            log.debug({ request: id, err: error }, 'it keeps its place in line'),
          );
          return { notBefore: again };
        }
        reply = notBegun(noted);
      }
      if (mine === false || !(await this.#send(id, job, running, reply))) await leftToAnother;
      if (bodyKey === undefined) return undefined;
      await redis
        .unlink(bodyKey)
        .catch((error: unknown) => log.debug({ err: error }, 'a body expires by itself'));
      return undefined;
    } finally {
      this.#running.take(id);
      this.#options.budget.release(id);
    }
  }

  /** Waits until the end of a request that must not run again can be remembered. */
  async #room(id: string, { until }: Running): Promise<void> {
    const { finished, log } = this.#options;
    if (this.#waitingForRoom === 0) {
      log.warn(
        { request: id, remembered: finished.size },
        'no unsafe request is begun: too many ended of late',
      );
    }
    this.#waitingForRoom += 1;
    await finished.room(until);
    this.#waitingForRoom -= 1;
  }

  /** @returns when the request is run again, in ms since the epoch by Redis's clock. Losses are no attempts: they brought no answer. */
  async #again(
    id: string,
    reply: HandlerReply,
    job: JobData,
    attempt: number,
    { deadline }: Running,
  ): Promise<number | undefined> {
    const { redis, keys, replica } = this.#options;
    const losses = attempt === 1 ? [] : await lossesOf(redis, keys, replica, id);
    // A date in `Retry-After` is by the clock of this host.
    const own = { ...job, deadline };
    const at = retryAt(reply, own, attempt - losses.length, Date.now(), Math.random());
    return at === undefined ? undefined : this.#clock.fromOwn(at);
  }

  #replyTo(
    id: string,
    job: JobData,
    attempt: number,
    running: Running,
    bodyKey?: string,
  ): HandlerReply | undefined | Promise<HandlerReply | undefined> {
    const { finished } = this.#options;
    const { redelivery } = job;
    if (job.cancelled === true) return notBegun('cancelled');
    const done = redelivery === 'never' && finished.has(id);
    const taken = { redelivery, deadline: running.until, attempt, finished: done };
    const decision = decideOnTaken(taken, performance.now());
    switch (decision) {
      case 'drop':
        return droppedUnrun();
      case 'unknown':
        return problemReply('outcome_unknown', 'The request was run before; Redis has lost what came of it.');
      case 'run':
        // Most need nothing else.
        return job.keepMs === undefined && bodyKey === undefined
          ? this.#calls.answer(id, job, attempt, running)
          : this.#answerPrepared(id, job, attempt, running, bodyKey);
      default:
        return decision satisfies never;
    }
  }

  /** Answers a request that has a record, or whose body is in a key of its own. */
  async #answerPrepared(
    id: string,
    job: JobData,
    attempt: number,
    running: Running,
    bodyKey?: string,
  ): Promise<HandlerReply | undefined> {
    const stored =
      bodyKey === undefined ? undefined : await orNull(this.#options.large.connection.getBuffer(bodyKey));
    if (job.keepMs !== undefined) {
      const noted = await this.#notes.begun(id, job, attempt, running.until);
      if (noted === undefined) return droppedUnrun();
      if (noted !== 'noted') return notBegun(noted);
    }
    // Redis may have taken its time.
    if (!(await this.#isMine(running)) || performance.now() >= running.until) return droppedUnrun();
    return this.#calls.answer(id, job, attempt, running, stored ?? undefined);
  }

  /**
   * @returns false where the deadline has passed before that is known.
   * @throws {SupersededError} where another worker has taken the lease.
   */
  async #isMine({ until }: Running): Promise<boolean> {
    const { lease } = this.#options;
    if (lease.certain) return true;
    const mine = await insist(() => lease.makeCertain(), until);
    if (mine === false) throw new SupersededError('another worker has taken the lease');
    return mine === true;
  }

  /**
   * A Redis that takes no writes for a while is no reason to lose the answer to work that is done.
   * @returns false where another worker has the job by now.
   */
  async #send(id: string, job: JobData, running: Running, reply: HandlerReply | undefined): Promise<boolean> {
    if (reply === undefined) return true;
    try {
      const until = running.until + (job.keepMs === undefined ? 0 : endGraceMs);
      await insist(() => this.#options.outbox.push(id, job, reply), until);
      return true;
    } catch (error) {
      if (error instanceof SupersededError) return false;
      throw error;
    } finally {
      // A run whose job is another worker's has no end.
      this.#options.budget.release(id);
    }
  }
}
