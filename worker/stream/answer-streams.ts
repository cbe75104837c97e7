import type { Fenced } from '#shared/contract/fenced.ts';
import type { JobData } from '#shared/contract/job.ts';
import type { Logger } from '#shared/process/logger.ts';
import { Batches } from '#shared/store/redis/batches.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { LargeValues } from '#shared/store/replies/large-values.ts';
import { KeptStreams } from '#shared/store/streams/kept-streams.ts';
import { LiveStreams } from '#shared/store/streams/live-streams.ts';
import type { StreamEnd as LastFrame, StreamHead } from '#shared/store/streams/live-streams.ts';
import type { SignalFeed } from '#shared/store/streams/signal-feed.ts';
import { BrokenAnswerError } from '../handlers/broken-answer.ts';
import type { HandlerReply } from '../handlers/handler.ts';
import { SupersededError } from '../reply/reply-pushes.ts';
import type { ReplyOutbox } from '../reply/reply-outbox.ts';
import { abortedReply, handlerFailedReply } from '../reply/run-problems.ts';
import type { StopTime } from './stop-time.ts';
import { HandlerFailures } from '../handlers/handler-failures.ts';
import { ChunkBatches } from './chunk-batches.ts';
import type { StartedStream } from './started-stream.ts';
import { KeptAnswer } from './kept-answer.ts';
import type { KeptSending } from './kept-answer.ts';
import { KeptAppends } from './kept-appends.ts';
import { KeptRenewals } from './kept-renewals.ts';
import { LiveAnswer } from './live-answer.ts';
import type { LiveSending } from './live-answer.ts';
import { OpenAnswers } from './open-answers.ts';
import type { AnsweredRun, OpenedAnswer, SentAnswer } from './sent-answer.ts';
import { StreamSignals } from './stream-signals.ts';
import type { StreamSlot, StreamSlots } from './stream-slots.ts';

export interface AnswerStreamsOptions {
  readonly connection: Connection;
  /** Its connection carries the bytes of answers. */
  readonly large: LargeValues;
  /** Brings what gateways say of streams. */
  readonly feed: SignalFeed;
  /** By which the worker serves the queue. */
  readonly lease: Fenced & { readonly adopter: string | undefined };
  /** The replica whose worker this is. */
  readonly worker: string;
  /** Limits the streams of the worker. */
  readonly streamSlots: StreamSlots;
  /** How long a source may bring nothing, in ms; 0: without a limit. */
  readonly streamIdleTimeoutMs: number;
  /** How long the streams may go on once the queue is left, in ms. */
  readonly drainTimeoutMs: number;
  /** Of this worker. */
  readonly stopTime: StopTime;
  /** The most bytes that a kept answer may have. */
  readonly replyLimitBytes: number;
  /** Ends the requests that have a record. */
  readonly outbox: ReplyOutbox;
  readonly onSuperseded: () => void;
  readonly log: Logger;
}

/** What is there from the start on, when the fence of the lease is known. */
interface Sending {
  readonly live: LiveSending;
  /** Made for the first kept stream, since it needs the connection for many bytes. */
  readonly kept: () => KeptSending;
  readonly stop: () => void;
}

/** How often streams are checked, in ms. */
const checkMs = 1000;
/** How many heads, or ends, go into one call at most. */
const maxFrames = 200;
/** After this part of the drain timeout, streams are broken off, so that their clients still learn it. */
const drainPart = 0.8;

/**
 * Sends the answers of one queue that are streams, from their heads to their ends. Live ones travel to the
 * gateways that wait for them; those of requests that have a record are kept, for whoever reads them.
 */
export class AnswerStreams {
  readonly #options: AnswerStreamsOptions;
  readonly #failures: HandlerFailures;
  readonly #open = new OpenAnswers();
  #sending: Sending | undefined;
  #checking: NodeJS.Timeout | undefined;
  /** When all streams have to have ended, on the `performance.now()` clock. */
  #endAt = Number.POSITIVE_INFINITY;

  constructor(options: AnswerStreamsOptions) {
    this.#options = options;
    this.#failures = new HandlerFailures(options.log);
  }

  /** Call it once the lease is taken. */
  start(): void {
    this.#sending = this.#createSending();
  }

  /**
   * Sends the head of a stream, whose job has a slot until then, and the rest as it comes. Waits while too
   * many streams are sent.
   */
  async open(id: string, job: JobData, started: StartedStream, running: AnsweredRun): Promise<OpenedAnswer> {
    const { streamSlots } = this.#options;
    const slot = streamSlots.tryAcquire() ?? (await this.#waitForSlot(id, running));
    if (slot === undefined || this.#sending === undefined) {
      started.rest.cancel(running.signal.reason);
      slot?.release();
      return { kind: 'reply', reply: abortedReply(running.signal, job) };
    }
    const { live, kept } = this.#sending;
    const stream =
      job.keepMs === undefined
        ? new LiveAnswer(started, { id, gateway: job.gateway, running }, live)
        : new KeptAnswer(started, { id, job, running }, job.keepMs, kept());
    this.#add(stream);
    try {
      const opened = await stream.open();
      if (opened.kind === 'open') {
        this.#follow(stream, slot, opened.ended, this.#limit(stream, id, job));
        this.#open.opened(stream);
      } else {
        this.#remove(stream, slot);
      }
      return opened;
    } catch (error) {
      this.#remove(stream, slot);
      throw error;
    }
  }

  /**
   * Takes over a kept stream that another worker has begun.
   * @param from the fence of that worker.
   */
  takeOver(id: string, { keepMs = 0 }: JobData, from: number): ReturnType<KeptStreams['takeOver']> {
    if (this.#sending === undefined) throw new Error('the streams of the queue have not started');
    return this.#sending.kept().takeOver(id, from, keepMs);
  }

  /**
   * Leaves the streams that the next worker can take up. All others, also those that still begin, have most
   * of the drain timeout to end. Their time begins now, since running requests may use up the rest of it. If
   * the worker was told to stop before, it began then.
   */
  drain(): void {
    const { drainTimeoutMs, stopTime } = this.#options;
    const left = stopTime.leftMs - drainTimeoutMs * (1 - drainPart);
    this.#open.drain(Math.max(0, Math.min(drainTimeoutMs * drainPart, left)));
  }

  /** Call it once no stream begins any more. Resolves when all have ended. */
  async stop(): Promise<void> {
    this.drain();
    await this.#open.drained();
    this.#sending?.stop();
  }

  /** Sends nothing more: another worker has the queue, or will. */
  abandon(): void {
    this.#open.abandon();
    this.#sending?.stop();
  }

  /** Gives the streams the drain timeout to end, or as much time as they want. Safe to call again. */
  limit(isLimited: boolean): void {
    if (!isLimited) this.#endAt = Number.POSITIVE_INFINITY;
    else if (this.#endAt === Number.POSITIVE_INFINITY)
      this.#endAt = performance.now() + this.#options.drainTimeoutMs;
  }

  async #waitForSlot(id: string, running: AnsweredRun): Promise<StreamSlot | undefined> {
    const late = new DOMException(`the deadline of request ${id} has passed`, 'TimeoutError');
    const leftMs = Math.max(0, running.until - performance.now());
    const timer = setTimeout(() => running.abort(late), leftMs);
    try {
      return await this.#options.streamSlots.acquire(running.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends a stream in time, if its request has a deadline for the whole answer. @returns what stops that. */
  #limit(stream: SentAnswer, id: string, { until }: JobData): () => void {
    if (until === undefined) return () => undefined;
    const leftMs = clockOf(this.#options.connection).at(until) - performance.now();
    const late = new DOMException(`the deadline of request ${id} has passed`, 'TimeoutError');
    const timer = setTimeout(() => stream.abort('reply_timeout', late), Math.max(0, leftMs));
    return () => clearTimeout(timer);
  }

  #follow(stream: SentAnswer, slot: StreamSlot, ended: Promise<unknown>, stopLimit: () => void): void {
    void ended.then(() => {
      stopLimit();
      this.#remove(stream, slot);
    });
  }

  #add(stream: SentAnswer): void {
    this.#open.add(stream);
    this.#checking ??= setInterval(() => this.#check(), checkMs);
  }

  #remove(stream: SentAnswer, slot: StreamSlot): void {
    slot.release();
    this.#open.remove(stream);
    if (this.#open.size > 0) return;
    clearInterval(this.#checking);
    this.#checking = undefined;
  }

  #check(): void {
    const now = performance.now();
    this.#sending?.live.signals.check(now);
    if (now >= this.#endAt) this.#open.abortAll('worker_died', 'the replica was removed');
    const { streamIdleTimeoutMs: idleMs } = this.#options;
    if (idleMs === 0) return;
    for (const stream of this.#open) {
      const { idleSince } = stream;
      if (idleSince === undefined || now - idleSince < idleMs) continue;
      stream.abort('reply_timeout', new DOMException('the answer has brought nothing', 'TimeoutError'));
    }
  }

  readonly #problemOf = (id: string, error: unknown): HandlerReply => {
    if (error instanceof BrokenAnswerError) return error.reply;
    this.#failures.add(id, error, performance.now());
    return handlerFailedReply(this.#options.worker);
  };

  #createSending(): Sending {
    const { connection, large, feed, lease, log } = this.#options;
    const { fence, replica, adopter } = lease;
    const problemOf = this.#problemOf;
    const streams = new LiveStreams({ connection, ofBytes: () => large.connection, lease, log });
    const heads = new Batches<StreamHead>(maxFrames, async (gateway, some) =>
      this.#certain(await streams.open(gateway, some)),
    );
    const ends = new Batches<LastFrame>(maxFrames, async (gateway, some) =>
      this.#certain(await streams.end(gateway, some)),
    );
    const push: LiveStreams['push'] = (gateway, frames) => streams.push(gateway, frames);
    const chunks = new ChunkBatches({ fence, push, log });
    const signals = new StreamSignals(fence, (missing) => chunks.sendAgain(missing));
    const sendHead: LiveSending['sendHead'] = (gateway, head) => heads.add(gateway, head);
    const sendLast: LiveSending['sendLast'] = (gateway, last) => ends.add(gateway, last);
    const live: LiveSending = { fence, adopter, sendHead, sendLast, chunks, signals, problemOf };

    const stopListening = feed.subscribe(replica, {
      receive: (message) => signals.receive(message, performance.now()),
      subscribed: () => signals.subscribed(performance.now()),
      unsubscribed: () => signals.unsubscribed(),
    });
    let kept: KeptSending | undefined;
    return {
      live,
      kept: () => (kept ??= this.#createKept((id) => ends.add('', { id, frame: undefined }))),
      stop: () => {
        stopListening();
        chunks.stop();
        kept?.writing.appends.stop();
        kept?.writing.renewals.stop();
      },
    };
  }

  #createKept(finish: (id: string) => Promise<void>): KeptSending {
    const { large, lease, replyLimitBytes: limitBytes, outbox, log } = this.#options;
    const streams = new KeptStreams(large.connection, lease, log);
    const onRefused = (error: unknown): void => log.debug({ err: error }, 'Redis has refused a kept stream');
    const appends = new KeptAppends((some) => streams.append(some), onRefused);
    const renewals = new KeptRenewals((some) => streams.renew(some));
    return {
      takeOver: (id, from, keepMs) => streams.takeOver(id, from, keepMs),
      writing: { streams, appends, renewals, now: () => performance.now() },
      limitBytes,
      adopter: lease.adopter,
      keep: (id, job, head, whole) => outbox.keepStream(id, job, job.keepMs ?? 0, head, whole),
      settle: (id, job, reply, run) => outbox.push(id, job, reply, run),
      finish,
      problemOf: this.#problemOf,
    };
  }

  /** @throws {SupersededError} if another worker has taken the lease. */
  #certain(isOurs: boolean): void {
    if (isOurs) return;
    this.#options.onSuperseded();
    throw new SupersededError();
  }
}
