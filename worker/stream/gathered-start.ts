/**
 * The start of an answer that may become a stream. It is always in one of these states:
 *
 *   gathering --the source ends or fails, the answer is too large, or its request is aborted--> over
 *   gathering --too many bytes have come, or the time is over--> held
 *   held --somebody starts the stream--> flowing
 *   flowing --the source ends or fails--> over
 *   held, flowing --the stream is cancelled--> over
 *
 * While it is held, its source is paused, and what was under way is kept.
 */
import { strict as assert } from 'node:assert';
import { headerValue, withoutField } from '#shared/contract/headers.ts';
import type { HttpReply } from '#shared/contract/http.ts';
import { headOf } from '#shared/contract/reply.ts';
import type { ReplyHead } from '#shared/contract/reply.ts';
import { BrokenAnswerError } from '../handlers/broken-answer.ts';
import { BytesSource } from '../handlers/bytes-source.ts';
import { answerTooLarge, GatheredBody, tooLargeReply } from '../handlers/gathered-body.ts';
import type { ByteSink, ByteSource, SourcedReply } from '../handlers/handler.ts';
import type { ReplyBudget } from '../handlers/reply-budget.ts';
import { ExactSource } from './exact-source.ts';
import { FirstBytes } from './first-bytes.ts';
import type { GatheredStart, StartedStream } from './started-stream.ts';
import type { StreamDecision } from './stream-decision.ts';

export interface GatheringTerms {
  /** The request's id. */
  readonly id: string;
  /** Limits the bytes of this answer while it is gathered, and of all answers of the worker. */
  readonly budget: ReplyBudget;
  /** An answer of unknown length is a stream if it has more bytes. */
  readonly aboveBytes: number;
}

/** How long an answer of unknown length may take to be whole, in ms. */
const wholeWithinMs = 5;

/**
 * Waits until an answer is whole, or certainly a stream.
 * @returns the whole answer, which is 502 `reply_too_large` above the limit of the budget, and a problem if
 * it breaks off; or the stream. Rejects with what the source fails with otherwise, and with the reason of a
 * cancellation.
 */
export function gatherStart(
  reply: SourcedReply,
  decision: StreamDecision,
  terms: GatheringTerms,
  signal: AbortSignal,
): Promise<GatheredStart> {
  if (decision === 'stream') {
    return Promise.resolve(streamOf(reply));
  }
  if (decision === 'whole' && reply.source instanceof BytesSource && !signal.aborted) {
    return Promise.resolve(wholeOf(reply, reply.source, terms));
  }
  const { limitBytes } = terms.budget;
  if (reply.length !== undefined && reply.length > limitBytes) {
    reply.source.cancel(answerTooLarge);
    return Promise.resolve(tooLargeReply(limitBytes));
  }
  return new Gathering(reply, decision, terms, signal).settled;
}

type State = 'gathering' | 'held' | 'flowing' | 'over';

class Gathering implements ByteSource, ByteSink {
  readonly #reply: SourcedReply;
  readonly #terms: GatheringTerms;
  readonly #mayStream: boolean;
  readonly #body: GatheredBody;
  readonly #settled = Promise.withResolvers<GatheredStart>();
  readonly #stopWaiting: () => void;
  #state: State = 'gathering';
  #length = 0;
  /** What has come while the stream was held or paused. */
  readonly #kept: Uint8Array[] = [];
  /** How the source has ended. */
  #end: { readonly error?: unknown } | undefined;
  #sink: ByteSink | undefined;
  #paused = false;

  constructor(
    reply: SourcedReply,
    decision: Exclude<StreamDecision, 'stream'>,
    terms: GatheringTerms,
    signal: AbortSignal,
  ) {
    this.#reply = reply;
    this.#terms = terms;
    this.#mayStream = decision !== 'whole';
    this.#body = new GatheredBody(terms.budget, terms.id);
    const onAbort = (): void => this.#fail(signal.reason);
    const stopTimer = startTimer(decision, () => this.#hold());
    this.#stopWaiting = () => {
      stopTimer();
      signal.removeEventListener('abort', onAbort);
    };
    reply.source.start(this);
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort);
    const { length = 0 } = reply;
    if (length > 0 && !this.#body.expect(length, this.#readOn)) reply.source.pause();
  }

  get settled(): Promise<GatheredStart> {
    return this.#settled.promise;
  }

  bytes(chunk: Uint8Array): void {
    switch (this.#state) {
      case 'gathering':
        this.#gather(chunk);
        return;
      case 'held':
        this.#kept.push(chunk);
        return;
      case 'flowing':
        if (this.#kept.length > 0 || this.#paused) this.#kept.push(chunk);
        else this.#sink?.bytes(chunk);
        return;
      case 'over':
        return;
      default:
        this.#state satisfies never;
    }
  }

  end(): void {
    if (this.#state !== 'gathering') {
      this.#endLater({});
      return;
    }
    this.#leave('over');
    const body = this.#body.whole();
    this.#settled.resolve({ ...headFor(this.#reply, body.length), body });
  }

  fail(error: unknown): void {
    if (this.#state !== 'gathering') {
      this.#endLater({ error });
      return;
    }
    this.#leave('over');
    if (error instanceof BrokenAnswerError) this.#settled.resolve(error.reply);
    else this.#settled.reject(error);
  }

  start(sink: ByteSink): void {
    assert.equal(this.#state, 'held');
    this.#state = 'flowing';
    this.#sink = sink;
    queueMicrotask(() => this.#flow());
  }

  pause(): void {
    this.#paused = true;
    this.#reply.source.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#state === 'flowing') this.#flow();
  }

  cancel(reason: unknown): void {
    this.#state = 'over';
    this.#kept.length = 0;
    if (this.#end === undefined) this.#reply.source.cancel(reason);
  }

  #gather(chunk: Uint8Array): void {
    this.#length += chunk.length;
    if (this.#mayStream && this.#length > this.#terms.budget.limitBytes) {
      // A stream has no limit, so this chunk is not gathered.
      this.#hold();
      this.#kept.push(chunk);
      return;
    }
    if (!this.#body.add(chunk)) {
      this.#refuse();
      return;
    }
    if (this.#mayStream && this.#length > this.#terms.aboveBytes) this.#hold();
    else if (!this.#body.mayGrow(this.#readOn)) this.#reply.source.pause();
  }

  readonly #readOn = (): void => {
    if (this.#state === 'gathering') this.#reply.source.resume();
  };

  /** The answer is a stream. */
  #hold(): void {
    this.#leave('held');
    this.#reply.source.pause();
    this.#settled.resolve({
      head: headOf(this.#reply),
      first: new FirstBytes(this.#body.whole()),
      rest: this,
    });
  }

  #refuse(): void {
    this.#leave('over');
    const { limitBytes } = this.#terms.budget;
    this.#reply.source.cancel(answerTooLarge);
    this.#settled.resolve(tooLargeReply(limitBytes));
  }

  #fail(reason: unknown): void {
    this.#leave('over');
    this.#reply.source.cancel(reason);
    this.#settled.reject(reason);
  }

  /** Ends the gathering. */
  #leave(next: 'held' | 'over'): void {
    this.#state = next;
    this.#stopWaiting();
  }

  #endLater(end: { readonly error?: unknown }): void {
    this.#end = end;
    if (this.#state === 'flowing' && !this.#paused && this.#kept.length === 0) this.#finish(end);
  }

  /** Passes on what was kept, until it is paused again. */
  #flow(): void {
    while (this.#state === 'flowing' && !this.#paused) {
      const chunk = this.#kept.shift();
      if (chunk === undefined) {
        if (this.#end === undefined) this.#reply.source.resume();
        else this.#finish(this.#end);
        return;
      }
      this.#sink?.bytes(chunk);
    }
  }

  #finish(end: { readonly error?: unknown }): void {
    this.#state = 'over';
    if ('error' in end) this.#sink?.fail(end.error);
    else this.#sink?.end();
  }
}

/** @returns the stream of an answer, which states its length if that is known. */
function streamOf(reply: SourcedReply): StartedStream {
  const { source, length } = reply;
  const head = headOf(reply);
  if (length === undefined) return { head, first: new FirstBytes(), rest: source };
  const rest = new ExactSource(source, length);
  if (headerValue(head.headers, 'content-length') !== undefined)
    return { head, first: new FirstBytes(), rest };
  const headers = [...head.headers, 'content-length', String(length)];
  return { head: { ...head, headers }, first: new FirstBytes(), rest };
}

/** @returns the whole answer of bytes that are there already. */
function wholeOf(reply: SourcedReply, { body }: BytesSource, { id, budget }: GatheringTerms): HttpReply {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
  if (bytes.length > budget.limitBytes) return tooLargeReply(budget.limitBytes);
  budget.count(id, bytes.length);
  return { ...headOf(reply), body: bytes };
}

/** @returns the head of a whole answer. A Content-Length that was wrong is left out. */
function headFor(reply: SourcedReply, length: number): ReplyHead {
  const head = headOf(reply);
  if (reply.length === undefined || reply.length === length) return head;
  return { ...head, headers: withoutField(head.headers, 'content-length') };
}

/** @returns a function that stops the timer. */
function startTimer(decision: Exclude<StreamDecision, 'stream'>, onTime: () => void): () => void {
  switch (decision) {
    case 'whole':
      return () => undefined;
    case 'afterTurn': {
      const turn = setImmediate(onTime);
      return () => clearImmediate(turn);
    }
    case 'afterMs': {
      const timer = setTimeout(onTime, wholeWithinMs);
      return () => clearTimeout(timer);
    }
    default:
      return decision satisfies never;
  }
}
