import type { HttpReply, HttpRequest } from '#shared/contract/http.ts';
import { encodeJob, storedBody } from '#shared/contract/job.ts';
import { headOf } from '#shared/contract/reply.ts';
import type { Reply } from '#shared/contract/reply.ts';
import { Problem } from '#shared/contract/errors.ts';
import type { Logger } from '#shared/process/logger.ts';
import { requestPath } from '../records/request-view.ts';
import type { RingWatcher } from '../ring/ring-watcher.ts';
import { commandFate } from './command-fate.ts';
import { delayFault, jobTerms } from '../request/directives.ts';
import type { Directives } from '../request/directives.ts';
import type { HandOvers } from './hand-overs.ts';
import type { JobQueues } from './job-queues.ts';
import type { RedisGap } from './redis-gap.ts';
import type { ReplyBodies } from './reply-bodies.ts';
import type { Selected, Selection } from './selection.ts';
import { SparseWarning } from '#shared/process/sparse-warning.ts';
import type { TakeBacks } from './take-backs.ts';
import type { Waiter, Waiters } from './waiters.ts';

export interface DispatcherOptions {
  readonly gateway: string;
  readonly watcher: RingWatcher;
  readonly queues: JobQueues;
  readonly waiters: Waiters;
  readonly selection: Selection;
  readonly bodies: ReplyBodies;
  readonly takeBacks: TakeBacks;
  readonly handOvers: HandOvers;
  /** Of the connection that the queues use. */
  readonly gap: RedisGap;
  /** The time in Redis, in ms since the epoch. */
  readonly now: () => number;
  readonly replyTimeoutMs: number;
  /** How often a request is run at most, where it does not say itself. */
  readonly attempts: number | undefined;
  readonly log: Logger;
}

/** How a dispatch ends: the replica's answer, or a problem of the gateway's own. */
export interface Outcome {
  readonly id: string;
  /** The replica that was selected; undefined where none was. */
  readonly replica: string | undefined;
  readonly result: HttpReply | Problem;
}

/** On which a request is handed over. */
export interface Terms {
  /** When it came, and until when it has to be done, in ms since the epoch by Redis's clock. */
  readonly accepted: number;
  readonly deadline: number;
  /** Time in ms for which its answer is kept. */
  readonly keepMs: number;
  readonly directives: Directives;
  /** Whose it is, as `encodeCaller` has it, where what is kept of it depends on that. */
  readonly caller?: string;
}

/** Bodies kept apart outlive the wait for the answer by this time, in ms. */
const storedGraceMs = 60_000;

/** Carries requests to the replicas that own their keys, and the replies back to those who wait. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #waiters: Waiters;
  readonly #selection: Selection;
  readonly #refused: SparseWarning;
  #unclaimed = 0;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#waiters = options.waiters;
    this.#selection = options.selection;
    this.#refused = new SparseWarning(options.log, 'jobs could not be added');
  }

  /** The time in Redis, by which deadlines are given. */
  get now(): number {
    return this.#options.now();
  }

  /** The ids of the requests whose answer is waited for. */
  get waiting(): readonly string[] {
    return this.#waiters.ids;
  }

  get waitingCount(): number {
    return this.#waiters.size;
  }

  /** Replies that nobody waited for any more. */
  get unclaimedCount(): number {
    return this.#unclaimed;
  }

  /**
   * Dispatches one request.
   * @param ip the client's address.
   * @param directives what the request asks for.
   * @param waitMs how long the client wants to wait, in ms; `REPLY_TIMEOUT_MS` at most.
   * @param onOutcome called once, with the answer or the problem; never called after {@link abandon}.
   * @returns the request's id.
   */
  dispatch(
    request: HttpRequest,
    ip: string,
    directives: Directives,
    waitMs: number,
    onOutcome: (outcome: Outcome) => void,
  ): string {
    const { gateway, replyTimeoutMs, attempts } = this.#options;
    const selected = this.#selection.select(request, ip, directives);
    const { id } = selected;
    const settle: Waiter['settle'] = (replica, result) => onOutcome({ id, replica, result });
    if (selected.refusal !== undefined) {
      settle(selected.replica, selected.refusal);
      return id;
    }
    const { key, replica, redelivery } = selected;
    const accepted = this.now;
    const timeoutMs = Math.min(waitMs, replyTimeoutMs, directives.deadlineMs ?? replyTimeoutMs);
    const deadline = accepted + timeoutMs;
    const tooLate = delayFault(directives, deadline);
    if (tooLate !== undefined) {
      settle(replica, tooLate);
      return id;
    }
    const job = encodeJob(request, {
      gateway,
      deadline,
      redelivery,
      ...jobTerms(directives, key, attempts),
    });
    this.#begin({ id, key, replica, accepted, job, body: request.body, phase: 'adding', settle });
    return id;
  }

  /**
   * Selects where a request goes.
   * @param ip the client's address.
   */
  select(request: HttpRequest, ip: string, directives: Directives): Selected {
    return this.#selection.select(request, ip, directives);
  }

  /**
   * Hands one request over, whose answer is kept and may be asked for later.
   * @returns undefined when the job is durable, or why it was not taken.
   */
  handOver(
    request: HttpRequest,
    { id, key, replica, redelivery }: Extract<Selected, { readonly refusal: undefined }>,
    { accepted, deadline, keepMs, directives, caller }: Terms,
  ): Promise<Problem | undefined> {
    const { attempts, handOvers } = this.#options;
    const { callbacks } = directives;
    const job = encodeJob(request, {
      gateway: '',
      deadline,
      redelivery,
      keepMs,
      ...(caller === undefined ? {} : { caller }),
      ...jobTerms(directives, key, attempts),
    });
    return handOvers.handOver({ id, replica, accepted, job, body: request.body }, callbacks);
  }

  /**
   * The client has gone: nobody waits any more. The job is taken back if it is not started yet; a GET, HEAD or OPTIONS
   * that is started is let go by its worker.
   */
  abandon(id: string): void {
    const waiter = this.#waiters.take(id);
    if (waiter) this.#letGo(waiter);
  }

  /** Gives a reply to the one who waits for it. */
  receive(replica: string, reply: Reply): void {
    const { bodies } = this.#options;
    const { id, body, storedBytes = 0 } = reply;
    const waiter = this.#waiters.get(id);
    if (waiter === undefined) {
      this.#unclaimed += 1;
      if (body === undefined) bodies.forget(replica, id);
      return;
    }
    if (body !== undefined) {
      this.#waiters.take(id);
      waiter.settle(replica, { ...headOf(reply), body });
      return;
    }
    if (waiter.phase === 'fetching') return;
    // It waits on, until its deadline at most: Redis may be away just now.
    waiter.phase = 'fetching';
    const wanted = (): boolean => this.#waiters.holds(waiter);
    void bodies.fetch(replica, id, storedBytes, wanted, (stored) => {
      if (!wanted()) return;
      waiter.phase = 'waiting';
      if (stored === undefined) this.lost(waiter);
      else this.#end(waiter, { ...headOf(reply), body: stored });
    });
  }

  /**
   * A request of which there is neither a job nor a reply any more: it is handed over again where that is safe; the
   * client of any other learns that its outcome is unknown.
   */
  lost(waiter: Waiter): void {
    if (waiter.job.redelivery === 'safe') {
      this.stranded(waiter);
      return;
    }
    const detail = 'Redis has lost the request, or its answer, while it was under way.';
    this.#end(waiter, new Problem('outcome_unknown', detail));
  }

  /** A request that certainly nobody runs: it is handed over to the owner of its key, as soon as there is one. */
  stranded(waiter: Waiter): void {
    const { watcher } = this.#options;
    const replica = watcher.stale ? undefined : watcher.ring.owner(waiter.key);
    if (replica === undefined) {
      // A request that may run twice waits on, until there is an owner.
      if (waiter.job.redelivery !== 'safe') this.#end(waiter, this.#selection.noOwner());
      return;
    }
    this.#waiters.take(waiter.id);
    this.#begin({ ...waiter, replica, phase: 'adding' });
  }

  #begin(waiter: Waiter): void {
    // The waiter is there before the job: a reply can never come too early.
    this.#waiters.add(waiter, waiter.job.deadline - this.now, (late) => this.#expire(late));
    this.#handOver(waiter);
  }

  #handOver(waiter: Waiter): void {
    this.#add(waiter).then(
      () => this.#arrived(waiter),
      (error: unknown) => void this.#notAdded(waiter, error),
    );
  }

  /** @returns once the job is with Redis. */
  #add(waiter: Waiter): Promise<void> {
    const { id, replica, job, body } = waiter;
    const { queues, replyTimeoutMs } = this.#options;
    const stored = storedBody(job) ? { body, ttlMs: replyTimeoutMs + storedGraceMs } : undefined;
    try {
      return queues.add(replica, id, job, stored, () => this.#waiters.holds(waiter));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The job is with Redis, or may be. */
  #arrived(waiter: Waiter): void {
    if (this.#waiters.arrive(waiter)) return;
    if (waiter.phase === 'left') this.#options.takeBacks.take(waiter);
  }

  /** The job was not added, or nobody knows; while the connection only blinks, it waits for that to be over. Never rejects. */
  async #notAdded(waiter: Waiter, error: unknown): Promise<void> {
    const { gap, watcher } = this.#options;
    const fate = commandFate(error);
    if (fate === 'unknown') {
      // Redis may have taken the job before the connection broke: that is looked for when it is back.
      this.#arrived(waiter);
      return;
    }
    if (!this.#waiters.holds(waiter)) return;
    if (fate === 'refused' || !(await gap.over()) || watcher.stale) {
      this.#refused.warn({ request: waiter.id, err: error });
      this.#end(waiter, new Problem('redis_away', 'Redis does not take requests now.', { cause: error }));
      return;
    }
    if (this.#waiters.holds(waiter)) this.#handOver(waiter);
  }

  #expire(waiter: Waiter): void {
    this.#letGo(waiter);
    const { id, replica, job } = waiter;
    this.#options.handOvers.noteExpired(waiter);
    const detail = `Replica ${replica} did not answer by ${new Date(job.deadline).toISOString()}.`;
    waiter.settle(replica, new Problem('reply_timeout', detail, { instance: requestPath(id) }));
  }

  /** Nobody waits any more. What is under way to Redis is taken back when it has arrived. */
  #letGo(waiter: Waiter): void {
    if (waiter.phase === 'adding') waiter.phase = 'left';
    else if (waiter.phase === 'waiting') this.#options.takeBacks.take(waiter);
  }

  /** Settles one who waits, unless that was done meanwhile. */
  #end(waiter: Waiter, result: HttpReply | Problem): void {
    if (!this.#waiters.holds(waiter)) return;
    this.#waiters.take(waiter.id);
    waiter.settle(waiter.replica, result);
  }
}
