import { encodeAbort, encodeBlocked, encodeEnd, encodeHead, firstCredit } from '#shared/contract/frame.ts';
import type { AbortCode } from '#shared/contract/frame.ts';
import type { ReplyFrame } from '#shared/contract/reply.ts';
import type { StreamEnd as LastFrame, StreamHead } from '#shared/store/streams/live-streams.ts';
import type { HandlerReply } from '../handlers/handler.ts';
import { SupersededError } from '../reply/reply-pushes.ts';
import { retryUntil } from '../reply/retry-until.ts';
import type { ChunkBatches } from './chunk-batches.ts';
import type { StartedStream } from './started-stream.ts';
import { OutgoingStream } from './outgoing-stream.ts';
import type { OutgoingEvents } from './outgoing-stream.ts';
import type { AnsweredRun, OpenedAnswer, SentAnswer, StreamEnd } from './sent-answer.ts';
import type { SignalledStream, StreamSignals } from './stream-signals.ts';

/** What the live streams of one queue share. */
export interface LiveSending {
  /** That of the lease under which the streams are sent. */
  readonly fence: number;
  /** The worker as `adopterOf` names it, if the queue is adopted. */
  readonly adopter: string | undefined;
  /** Sends a head. Rejects if Redis refuses it, or with a {@link SupersededError}. */
  readonly sendHead: (gateway: string, head: StreamHead) => Promise<void>;
  /** Sends the last frame of a stream and finishes its job. Rejects in the same way. */
  readonly sendLast: (gateway: string, last: LastFrame) => Promise<void>;
  readonly chunks: ChunkBatches;
  readonly signals: StreamSignals;
  /** @returns the problem of a stream whose source has failed. */
  readonly problemOf: (id: string, error: unknown) => HandlerReply;
}

/** Of the request whose answer is sent. */
export interface AnsweredRequest {
  readonly id: string;
  /** The gateway that waits for the answer. */
  readonly gateway: string;
  readonly running: AnsweredRun;
}

/** Sends one answer to the gateway that waits for it, as its bytes come. */
export class LiveAnswer implements SentAnswer, SignalledStream, OutgoingEvents {
  readonly id: string;
  readonly gateway: string;
  readonly outgoing: OutgoingStream;
  readonly #running: AnsweredRun;
  readonly #started: StartedStream;
  readonly #sending: LiveSending;
  readonly #ended = Promise.withResolvers<StreamEnd>();
  /** Whether its head is in the inbox. */
  #isOpen = false;
  #abortCode: AbortCode | undefined;

  constructor(started: StartedStream, { id, gateway, running }: AnsweredRequest, sending: LiveSending) {
    this.id = id;
    this.gateway = gateway;
    this.#running = running;
    this.#started = started;
    this.#sending = sending;
    this.outgoing = new OutgoingStream(started, firstCredit, this, () => performance.now());
  }

  get idleSince(): number | undefined {
    return this.outgoing.idleSince;
  }

  get canBeResumed(): boolean {
    return false;
  }

  get isBlocked(): boolean {
    return this.outgoing.state === 'blocked';
  }

  get isOpening(): boolean {
    return !this.#isOpen;
  }

  async open(): Promise<OpenedAnswer> {
    const { signals } = this.#sending;
    signals.add(this, performance.now());
    const { signal, isAborted } = this.#running;
    if (isAborted) this.#onAbort();
    else signal.addEventListener('abort', this.#onAbort);
    const sent = await this.#sendHead();
    if (sent !== 'sent') {
      this.outgoing.leave(new DOMException('its head could not be sent', 'AbortError'));
      this.#forget();
      return sent === 'superseded' ? { kind: 'superseded' } : { kind: 'reply', reply: undefined };
    }
    this.#isOpen = true;
    signals.opened(this, performance.now());
    const { state, abortCode } = this.outgoing;
    if (state === 'opening') this.outgoing.opened();
    else if (abortCode === undefined) this.#end('left');
    else void this.#finish(encodeAbort(this.id, this.#sending.fence, abortCode));
    return { kind: 'open', ended: this.#ended.promise };
  }

  abort(code: AbortCode, reason: DOMException): void {
    this.#abortCode ??= code;
    this.#running.abort(reason);
  }

  leave(reason: DOMException): void {
    this.outgoing.leave(reason);
    if (this.#isOpen) this.#end('left');
  }

  grant(offset: number): void {
    this.outgoing.grant(offset);
  }

  askForCredit(): void {
    const { state, inInbox } = this.outgoing;
    if (state !== 'flowing' && state !== 'blocked') return;
    this.#sending.chunks.note(this.gateway, this.id, encodeBlocked(this.id, this.#sending.fence, inInbox));
  }

  cancel(why: 'client' | 'gateway'): void {
    const who = why === 'client' ? 'the client has left' : 'the gateway is gone';
    this.abort('cancelled', new DOMException(who, 'AbortError'));
  }

  ready(): void {
    this.#sending.chunks.ready(this.gateway, this);
  }

  hasRoom(): boolean {
    return this.#sending.chunks.hasRoom(this.gateway);
  }

  blocked(): void {
    this.askForCredit();
  }

  ending(length: number): void {
    void this.#finish(encodeEnd(this.id, this.#sending.fence, length));
  }

  failed(error: unknown): void {
    if (this.#running.isAborted) {
      // A source that hears of the abort first fails because of it.
      this.#onAbort();
      return;
    }
    const { problem = 'handler_failed' } = this.#sending.problemOf(this.id, error);
    if (this.outgoing.abort(problem, error))
      void this.#finish(encodeAbort(this.id, this.#sending.fence, problem));
    this.#running.abandon(error);
  }

  async #sendHead(): Promise<'sent' | 'late' | 'superseded'> {
    const { fence, adopter, sendHead } = this.#sending;
    const { head } = this.#started;
    const terms = { fence, credit: firstCredit };
    const { headBytes } = this.outgoing;
    const frame = encodeHead(this.id, head, headBytes, terms, this.#running.run(adopter));
    try {
      const sent = await retryUntil(async (): Promise<'sent'> => {
        await sendHead(this.gateway, { id: this.id, frame });
        return 'sent';
      }, this.#running.until);
      if (sent === 'sent') this.#sent(frame, headBytes.length);
      return sent ?? 'late';
    } catch (error) {
      if (error instanceof SupersededError) return 'superseded';
      this.outgoing.leave(error);
      this.#forget();
      throw error;
    }
  }

  readonly #onAbort = (): void => {
    const { signal, left } = this.#running;
    if (left) {
      this.leave(signal.reason);
      return;
    }
    const code = this.#abortCode ?? codeOf(signal.reason);
    if (this.outgoing.abort(code, signal.reason) && this.#isOpen)
      void this.#finish(encodeAbort(this.id, this.#sending.fence, code));
  };

  /** Sends the last frame, as often as Redis refuses it. Never rejects. */
  async #finish(frame: string): Promise<void> {
    this.#sending.signals.remove(this);
    try {
      await retryUntil(
        () => this.#sending.sendLast(this.gateway, { id: this.id, frame }),
        Number.POSITIVE_INFINITY,
      );
    } catch (error) {
      // Another worker aborts it, once this one is gone.
      this.outgoing.leave(error);
      this.#end('left');
      return;
    }
    this.#sent(frame, Number.POSITIVE_INFINITY);
    if (this.outgoing.state === 'ending') this.outgoing.ended();
    this.#end('ended');
  }

  /** The frame is in the inbox. It may have to be sent again. */
  #sent(frame: ReplyFrame, until: number): void {
    const { arrival } = this.outgoing;
    const bytes = Buffer.byteLength(frame);
    this.#sending.chunks.sent(this.gateway, { id: this.id, frame, until, bytes, arrival });
  }

  #end(end: StreamEnd): void {
    this.#forget();
    this.#ended.resolve(end);
  }

  #forget(): void {
    this.#sending.signals.remove(this);
    this.#running.signal.removeEventListener('abort', this.#onAbort);
  }
}

/** @param reason with which a request is aborted. */
export function codeOf(reason: unknown): AbortCode {
  return reason instanceof DOMException && reason.name === 'TimeoutError' ? 'reply_timeout' : 'cancelled';
}
