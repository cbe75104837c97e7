import type { AbortCode } from '#shared/contract/frame.ts';
import { headerValue } from '#shared/contract/headers.ts';
import { storedBody } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import { problemReply } from '#shared/contract/problem.ts';
import type { ReplyHead, Run } from '#shared/contract/reply.ts';
import type { WholeStream } from '#shared/store/streams/kept-entry.ts';
import type { KeptStreams } from '#shared/store/streams/kept-streams.ts';
import type { HandlerReply } from '../handlers/handler.ts';
import { retryUntil } from '../reply/retry-until.ts';
import type { StartedStream } from './started-stream.ts';
import { KeptStreamWriter } from './kept-stream-writer.ts';
import type { KeptEnd, KeptWriting } from './kept-stream-writer.ts';
import { codeOf } from './live-answer.ts';
import { isEventStream } from './stream-decision.ts';
import type { AnsweredRun, OpenedAnswer, SentAnswer, StreamEnd } from './sent-answer.ts';

/** What the kept streams of one queue share. */
export interface KeptSending {
  readonly writing: KeptWriting;
  readonly takeOver: KeptStreams['takeOver'];
  /** The most bytes that an answer may have. */
  readonly limitBytes: number;
  readonly adopter: string | undefined;
  /**
   * Notes the end of a kept stream in the record of its request.
   * @returns `lost` if a part of the stream is lost; then nothing was noted.
   */
  readonly keep: (id: string, job: JobData, head: ReplyHead, whole: WholeStream) => Promise<'kept' | 'lost'>;
  /** Keeps a reply in the place of the stream. */
  readonly settle: (id: string, job: JobData, reply: HandlerReply, run: Run | undefined) => Promise<void>;
  /** Finishes the job. Rejects if Redis refuses that, or if another worker has the lease. */
  readonly finish: (id: string) => Promise<void>;
  /** @returns the problem of a stream whose source has failed. */
  readonly problemOf: (id: string, error: unknown) => HandlerReply;
}

/** Keeps one answer of a request that has a record, as its bytes come. */
export class KeptAnswer implements SentAnswer {
  readonly id: string;
  readonly #job: JobData;
  readonly #head: ReplyHead;
  readonly #running: AnsweredRun;
  readonly #sending: KeptSending;
  readonly #writer: KeptStreamWriter;
  #abortCode: AbortCode | undefined;

  /** @param keepMs how long it is kept, in ms. */
  constructor(
    started: StartedStream,
    request: { readonly id: string; readonly job: JobData; readonly running: AnsweredRun },
    keepMs: number,
    sending: KeptSending,
  ) {
    const { id, job, running } = request;
    this.id = id;
    this.#job = job;
    this.#head = started.head;
    this.#running = running;
    this.#sending = sending;
    const { limitBytes, writing } = sending;
    const { resumed } = started;
    const terms = {
      id,
      keepMs,
      limitBytes,
      claim: job.claim,
      hasStoredBody: storedBody(job),
      ...(resumed === undefined ? {} : { resumed }),
    };
    this.#writer = new KeptStreamWriter(started, terms, writing);
  }

  get idleSince(): number | undefined {
    return this.#writer.idleSince;
  }

  async open(): Promise<OpenedAnswer> {
    const { signal, until, isAborted } = this.#running;
    if (isAborted) this.#onAbort();
    else signal.addEventListener('abort', this.#onAbort);
    if (await this.#writer.open(until)) return { kind: 'open', ended: this.#settle() };
    this.#forget();
    const end = await this.#writer.ended;
    if (end.kind === 'superseded') return { kind: 'superseded' };
    return { kind: 'reply', reply: this.#replyFor(end) };
  }

  get canBeResumed(): boolean {
    return this.#job.resume === true && isEventStream(headerValue(this.#head.headers, 'content-type'));
  }

  abort(code: AbortCode, reason: DOMException): void {
    this.#abortCode ??= code;
    this.#running.abort(reason);
  }

  leave(reason: DOMException): void {
    this.#writer.leave(reason);
  }

  readonly #onAbort = (): void => {
    const { signal, left } = this.#running;
    if (left) this.#writer.leave(signal.reason);
    else this.#writer.abort(this.#abortCode ?? codeOf(signal.reason), signal.reason);
  };

  /** Notes the end, as often as Redis refuses it, and finishes the job. Never rejects. */
  async #settle(): Promise<StreamEnd> {
    const end = await this.#writer.ended;
    this.#forget();
    if (end.kind === 'failed') this.#running.abandon(end.error);
    if (end.kind === 'superseded') return 'left';
    // Made once, since it logs the failure of a handler.
    const reply = this.#replyFor(end);
    try {
      await retryUntil(() => this.#note(end, reply), Number.POSITIVE_INFINITY);
      await retryUntil(() => this.#sending.finish(this.id), Number.POSITIVE_INFINITY);
      return 'ended';
    } catch {
      // Another worker has the lease, or ends the request once this one is gone.
      return 'left';
    }
  }

  /** @param reply kept in the place of a stream that is not whole. */
  async #note(end: Exclude<KeptEnd, { kind: 'superseded' }>, reply: HandlerReply): Promise<void> {
    const { keep, settle, adopter } = this.#sending;
    if (end.kind === 'whole' && (await keep(this.id, this.#job, this.#head, end.stream)) === 'kept') return;
    await settle(this.id, this.#job, reply, this.#running.run(adopter));
  }

  /** @returns what is kept in the place of a stream that is not whole. */
  #replyFor(end: Exclude<KeptEnd, { kind: 'superseded' }>): HandlerReply {
    switch (end.kind) {
      case 'whole':
        return problemReply('outcome_unknown', 'Redis has lost a part of the answer.');
      case 'aborted':
        return brokenOff(end.code);
      case 'failed': {
        const { signal, isAborted } = this.#running;
        // A source that hears of the abort first fails because of it.
        if (isAborted) return brokenOff(this.#abortCode ?? codeOf(signal.reason));
        return this.#sending.problemOf(this.id, end.error);
      }
      case 'endedBefore':
        return problemReply('already_finished', 'The request had ended before.');
      default:
        return end satisfies never;
    }
  }

  #forget(): void {
    this.#running.signal.removeEventListener('abort', this.#onAbort);
  }
}

function brokenOff(code: AbortCode): HandlerReply {
  return problemReply(code, detailOf[code] ?? 'The answer was broken off.');
}

/** Why a stream was broken off, for people. */
const detailOf: Partial<Record<AbortCode, string>> = {
  cancelled: 'The request was cancelled while its answer was sent.',
  reply_timeout: 'The answer was not complete in time.',
  reply_too_large: 'The answer has more bytes than REPLY_LIMIT_BYTES. It was not read on.',
  outcome_unknown: 'Redis has lost a part of the answer.',
  worker_died: 'The worker stopped before the answer was complete.',
};
