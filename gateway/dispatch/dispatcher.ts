import { framesVersion } from '#shared/contract/frame.ts';
import type { Frame } from '#shared/contract/frame.ts';
import type { HttpRequest } from '#shared/contract/http.ts';
import { encodeJob } from '#shared/contract/job.ts';
import { Problem } from '#shared/contract/errors.ts';
import type { OutlierMark } from '#shared/contract/answer-counts.ts';
import { hashKey } from '#shared/ring/key-hash.ts';
import { isRepeatable, retriesAlways } from '#shared/contract/redelivery.ts';
import { requestPath } from '../records/request-view.ts';
import { delayFault, jobTerms } from '../request/directives.ts';
import type { Directives } from '../request/directives.ts';
import type { ParsedRequest } from '../request/parsed-request.ts';
import { SendSpan } from '../trace/send-span.ts';
import type { Telemetry } from '#shared/trace/telemetry.ts';
import type { AbortCause } from '../http/request-notes.ts';
import type { OpenStreams } from '../streams/open-streams.ts';
import { ArrivedFrames } from './arrived-frames.ts';
import type { AsyncRequests } from './async-requests.ts';
import type { DispatchClient } from './dispatch-client.ts';
import type { Enqueuer } from './enqueuer.ts';
import type { ReplyBodies } from './reply-bodies.ts';
import { reselectionTerms, withoutReselection } from './reselection.ts';
import type { Selected, Selection } from './selection.ts';
import type { TakeBacks } from './take-backs.ts';
import type { Waiter, WaitingRequest } from './waiter.ts';
import type { Waiters } from './waiters.ts';

export interface DispatcherOptions {
  readonly gateway: string;
  readonly waiters: Waiters;
  readonly streams: OpenStreams;
  readonly selection: Selection;
  readonly enqueuer: Enqueuer;
  readonly bodies: ReplyBodies;
  readonly takeBacks: TakeBacks;
  readonly asyncRequests: AsyncRequests;
  /** Undefined if no OpenTelemetry SDK is loaded. */
  readonly telemetry: Telemetry | undefined;
  /** @returns Redis time, in ms since the epoch. */
  readonly now: () => number;
  /** Translates Redis time to the `performance.now()` clock. */
  readonly at: (time: number) => number;
  readonly replyTimeoutMs: number;
  /** How often a request runs at most, unless it says so itself. */
  readonly maxAttempts: number | undefined;
  /** Whether workers count how requests end, for outlier detection. */
  readonly detectsOutliers: boolean;
}

/** Where else a request is waited for. */
type Elsewhere = Pick<WaitingRequest, 'key' | 'replica' | 'spilledFrom' | 'maySpill'>;

/** The part of a job that is not marked. */
const noMark = {};

/** The terms on which an async request is accepted. */
export interface Terms {
  /** When it arrived, in ms since the epoch, in Redis time. */
  readonly accepted: number;
  /** When it has to be done, in ms since the epoch, in Redis time. */
  readonly deadline: number;
  /** How long its answer is kept, in ms. */
  readonly keepMs: number;
  readonly directives: Directives;
  /** The scope of its idempotency key. */
  readonly claim?: string;
  /** The caller as `encodeCaller` has it, if the record is for that caller alone. */
  readonly caller?: string;
}

/** Carries requests to the replicas that own their keys, and the replies back to the clients. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #waiters: Waiters;
  readonly #streams: OpenStreams;
  readonly #frames: ArrivedFrames;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#waiters = options.waiters;
    this.#streams = options.streams;
    this.#frames = new ArrivedFrames({ ...options, onLost: (waiter) => this.handleLost(waiter) });
  }

  /** The time in Redis, in which deadlines are given. */
  get now(): number {
    return this.#options.now();
  }

  /** The ids of the requests whose clients wait, or get a stream. */
  get waiting(): readonly string[] {
    return [...this.#waiters.ids, ...this.#streams.ids];
  }

  /** The requests whose answers have not begun. */
  get waitingCount(): number {
    return this.#waiters.size;
  }

  /** Replies that arrived when nobody waited for them. */
  get unclaimedCount(): number {
    return this.#frames.unclaimedCount;
  }

  /**
   * Dispatches a request whose client waits for the answer.
   * @param client gets the answer or the problem; not after {@link stopWaiting}.
   * @returns the request's id.
   */
  dispatch(parsed: ParsedRequest, client: DispatchClient): string {
    const { gateway, replyTimeoutMs, maxAttempts } = this.#options;
    const { request, directives } = parsed;
    const selected = this.select(parsed);
    const { id } = selected;
    if (selected.refusal !== undefined) {
      client.settle({ id, replica: selected.replica, result: selected.refusal, ran: undefined });
      return id;
    }
    const { key, replica, spilledFrom, maySpill, redelivery, keyLimit } = selected;
    const since = performance.now();
    const accepted = this.now;
    const timeoutMs = Math.min(
      parsed.preference.waitMs ?? replyTimeoutMs,
      replyTimeoutMs,
      directives.deadlineMs ?? replyTimeoutMs,
    );
    const deadline = accepted + timeoutMs;
    const tooLate = delayFault(directives, deadline);
    if (tooLate !== undefined) {
      client.settle({ id, replica, result: tooLate, ran: undefined });
      return id;
    }
    const sending = this.#send(id, replica, request);
    const job = encodeJob(sending?.carriedIn(request) ?? request, {
      gateway,
      frames: this.#waiters.frames,
      deadline,
      ...(directives.deadlineMs === undefined ? {} : { until: accepted + directives.deadlineMs }),
      redelivery,
      ...jobTerms(directives, key, maxAttempts),
      ...reselectionTerms(selected, directives, maxAttempts),
      ...keyLimit,
      ...this.#outlierMark(key, timeoutMs < replyTimeoutMs),
    });
    const { body } = request;
    this.#enqueue({ id, key, replica, spilledFrom, maySpill, since, accepted, job, body, sending, client });
    return id;
  }

  /** Selects the replica of a request. */
  select(parsed: ParsedRequest): Selected {
    return this.#options.selection.select(parsed);
  }

  /**
   * Accepts an async request, whose answer is kept and fetched later.
   * @returns undefined once the job is durable, or why the request was not accepted.
   */
  acceptAsync(
    request: HttpRequest,
    selected: Extract<Selected, { readonly refusal: undefined }>,
    { accepted, deadline, keepMs, directives, claim, caller }: Terms,
  ): Promise<Problem | undefined> {
    const { maxAttempts, asyncRequests } = this.#options;
    const { id, key, replica, spilledFrom, redelivery, keyLimit } = selected;
    const { callbacks } = directives;
    const sending = this.#send(id, replica, request);
    const job = encodeJob(sending?.carriedIn(request) ?? request, {
      gateway: '',
      frames: framesVersion,
      deadline,
      ...(directives.deadlineMs === undefined ? {} : { until: deadline }),
      redelivery,
      ...(retriesAlways(request.headers) ? { resume: true } : {}),
      keepMs,
      ...(claim === undefined ? {} : { claim }),
      ...(caller === undefined ? {} : { caller }),
      ...jobTerms(directives, key, maxAttempts),
      ...reselectionTerms(selected, directives, maxAttempts),
      ...keyLimit,
      ...this.#outlierMark(key, directives.deadlineMs !== undefined),
    });
    const accepting = { id, replica, spilledFrom, key, accepted, job, body: request.body };
    const adding = asyncRequests.accept(accepting, callbacks);
    return sending?.endWith(adding) ?? adding;
  }

  /**
   * The client has left. A job that has not started is withdrawn; a running GET, HEAD or OPTIONS is aborted
   * by its worker, and so is a stream.
   * @param cause why the gateway has disconnected it, if it has.
   */
  stopWaiting(id: string, cause?: AbortCause): void {
    const waiter = this.#waiters.get(id);
    if (waiter) this.#withdraw(waiter);
    else this.#streams.leave(id, cause);
  }

  /** Passes a frame to the client that waits for it. */
  receive(replica: string, frame: Frame): void {
    this.#frames.receive(replica, frame);
  }

  /** The connection of the inbox broke: asks for the frames of streams that were on it. */
  askForLostFrames(): void {
    this.#frames.askForAll();
  }

  /**
   * Handles a request that no longer has a job or a reply. It is dispatched again if it may be
   * repeated; otherwise its client learns that the outcome is unknown.
   * @param isLoss whether a worker died while it ran the request.
   */
  handleLost(waiter: Waiter, isLoss = false): void {
    if (isRepeatable(waiter.request.job)) {
      this.redispatch(waiter, isLoss);
      return;
    }
    const detail = 'Redis has lost the request, or its answer, while it was in progress.';
    this.#waiters.settle(waiter, new Problem('outcome_unknown', detail));
  }

  /**
   * Dispatches a request again, to the replica that its key selects now. Certainly no worker is running it.
   * @param isLoss whether a worker died while it ran the request, which may have killed it. Such a request
   * stays with the owner of its key.
   */
  redispatch(waiter: Waiter, isLoss: boolean): void {
    const { selection } = this.#options;
    const { request } = waiter;
    const placed = selection.selectAgain(request.key, request.maySpill === true && !isLoss);
    if (placed === undefined) {
      // A repeatable request waits until there is an owner.
      if (!isRepeatable(request.job)) this.#waiters.settle(waiter, selection.noOwner());
      return;
    }
    this.#waiters.end(waiter);
    // Its new job knows nothing of the loss, so the request says itself that it stays there from now on.
    const { replica, spilledFrom, maySpill } = placed;
    const again = isLoss ? { ...request, job: withoutReselection(request.job) } : request;
    this.#enqueue({ ...again, replica, spilledFrom, maySpill, ...sentAgain(again, replica) });
  }

  /**
   * Stops to wait for a job in one queue, and waits for it in another one. The job is being moved there.
   * @returns the new waiter, whose job is on its way.
   */
  waitElsewhere(waiter: Waiter, { key, replica, spilledFrom, maySpill }: Elsewhere): Waiter {
    this.#waiters.end(waiter);
    const request = { ...waiter.request, key, replica, spilledFrom, ...(maySpill ? { maySpill } : {}) };
    return this.#waiters.add(request, request.job.deadline - this.now, this.#onTimeout);
  }

  /** @param hurried whether the client gives the request less time than the settings do. */
  #outlierMark(key: string, hurried: boolean): { readonly outlier?: OutlierMark } {
    if (!this.#options.detectsOutliers) return noMark;
    return { outlier: { key: hashKey(key), ...(hurried ? { hurried } : {}) } };
  }

  /** Begins the span of a job, if an OpenTelemetry SDK is loaded. */
  #send(id: string, replica: string, { headers, body }: HttpRequest): SendSpan | undefined {
    const { telemetry } = this.#options;
    return telemetry && SendSpan.begin(telemetry, { id, replica, headers, size: body.length });
  }

  #enqueue(request: WaitingRequest): void {
    // The waiter is there before the job is added, so a reply never arrives too early.
    const waiter = this.#waiters.add(request, request.job.deadline - this.now, this.#onTimeout);
    this.#options.enqueuer.enqueue(waiter, this.#onRefused);
  }

  readonly #onRefused = (waiter: Waiter, problem: Problem): void => this.#waiters.settle(waiter, problem);

  readonly #onTimeout = (waiter: Waiter): void => {
    const { request } = waiter;
    const { id, replica, spilledFrom, job, client } = request;
    this.#withdraw(waiter);
    this.#options.asyncRequests.noteExpired(request);
    const detail = `Replica ${replica} did not answer by ${new Date(job.deadline).toISOString()}.`;
    const result = new Problem('reply_timeout', detail, { instance: requestPath(id) });
    client.settle({ id, replica, spilledFrom, result, ran: undefined });
  };

  /** Stops waiting, and takes the job back now or when it has arrived. */
  #withdraw(waiter: Waiter): void {
    if (this.#waiters.leave(waiter)) this.#options.takeBacks.take(waiter.request);
  }
}

/** @returns what differs in a request that is sent again, if it has a span. */
function sentAgain({ id, job, body, sending }: WaitingRequest, replica: string): Partial<WaitingRequest> {
  if (sending === undefined) return {};
  const again = sending.again({ id, replica, headers: job.headers, size: body.length });
  return { sending: again, job: { ...job, headers: again.headers } };
}
