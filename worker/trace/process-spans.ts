import type { Context, Link, Span } from '@opentelemetry/api';
import type { HttpRequest } from '#shared/contract/http.ts';
import { problemReply } from '#shared/contract/problem.ts';
import type { ReplyHead } from '#shared/contract/reply.ts';
import { pathOf } from '#shared/contract/target-path.ts';
import type { Telemetry } from '#shared/trace/telemetry.ts';
import { BrokenAnswerError } from '../handlers/broken-answer.ts';
import { answerTooLarge } from '../handlers/gathered-body.ts';
import { isSourced } from '../handlers/handler.ts';
import type {
  Handler,
  HandlerAnswer,
  HandlerContext,
  RunContext,
  SourcedReply,
} from '../handlers/handler.ts';
import { WatchedSource } from '../handlers/watched-source.ts';
import type { SourceEnd } from '../handlers/watched-source.ts';
import { RecentSpans } from './recent-spans.ts';

/** Makes the CONSUMER span of each run of a request, from its start to the answer of the handler. */
export class ProcessSpans {
  readonly #telemetry: Telemetry;
  readonly #recent = new RecentSpans();

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry;
  }

  /**
   * @param replica whose queue it serves.
   * @returns a handler that does the same. While it runs, the span of the request is active in this process,
   * and the headers of the request carry it.
   */
  around(handler: Handler, replica: string): Handler {
    return {
      handle: (request, context) => this.#handle(handler, replica, request, context),
      close: (until) => handler.close(until),
    };
  }

  #handle(
    handler: Handler,
    replica: string,
    request: HttpRequest,
    context: RunContext,
  ): HandlerAnswer | Promise<HandlerAnswer> {
    const { api } = this.#telemetry;
    const parent = this.#telemetry.contextOf(request.headers);
    const span = this.#begin(replica, request, context, parent);
    const active = api.trace.setSpan(parent, span);
    const carrying = { ...request, headers: this.#telemetry.carry(active, request.headers) };
    try {
      const handled = api.context.with(active, () => handler.handle(carrying, context));
      if (handled instanceof Promise) return this.#awaited(span, context, handled);
      if (isSourced(handled)) return this.#watched(span, context, handled);
      this.#answered(span, context, handled);
      return handled;
    } catch (error) {
      this.#failed(span, error);
      throw error;
    }
  }

  #begin(
    replica: string,
    { method, target, body }: HttpRequest,
    { requestId, attempt, replica: worker }: HandlerContext,
    parent: Context,
  ): Span {
    const { api, tracer } = this.#telemetry;
    const attributes = {
      'messaging.system': 'ringpost',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': replica,
      'messaging.message.id': requestId,
      'messaging.message.body.size': body.length,
      'http.request.method': method,
      'url.path': pathOf(target),
      'ringpost.attempt': attempt,
      'ringpost.worker': worker,
      'ringpost.adopted': worker !== replica,
    };
    const links = attempt > 1 ? this.#linksOf(requestId, parent) : [];
    return tracer.startSpan(`process ${replica}`, { kind: api.SpanKind.CONSUMER, attributes, links }, parent);
  }

  /** A redelivery links to where the job was made, and to the previous run if that was in this process. */
  #linksOf(id: string, parent: Context): Link[] {
    const created = this.#telemetry.spanContextOf(parent);
    const previous = this.#recent.take(id);
    return [created, previous].flatMap((context) => (context === undefined ? [] : [{ context }]));
  }

  async #awaited(
    span: Span,
    context: HandlerContext,
    handled: Promise<HandlerAnswer>,
  ): Promise<HandlerAnswer> {
    const { signal } = context;
    // The handler may go on after that, but nobody waits for it.
    const onAbort = (): void => this.#aborted(span, signal);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const reply = await handled;
      if (isSourced(reply)) return this.#watched(span, context, reply);
      this.#answered(span, context, reply);
      return reply;
    } catch (error) {
      this.#failed(span, error);
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** @returns an answer that ends the span with its last byte. */
  #watched(span: Span, context: HandlerContext, answer: SourcedReply): SourcedReply {
    if (!span.isRecording()) return answer;
    const { signal } = context;
    const onAbort = (): void => this.#aborted(span, signal);
    signal.addEventListener('abort', onAbort, { once: true });
    const source = new WatchedSource(answer.source, (end) => {
      signal.removeEventListener('abort', onAbort);
      this.#sourceEnded(span, context, answer, end);
    });
    return { ...answer, source };
  }

  #sourceEnded(span: Span, context: HandlerContext, answer: SourcedReply, end: SourceEnd): void {
    switch (end.kind) {
      case 'ended':
        this.#answered(span, context, answer);
        return;
      case 'failed':
        // A source that hears of the abort first fails because of it.
        if (context.signal.aborted) this.#aborted(span, context.signal);
        else if (end.error instanceof BrokenAnswerError) this.#answered(span, context, end.error.reply);
        else this.#failed(span, end.error);
        return;
      case 'cancelled':
        if (end.reason === answerTooLarge)
          this.#answered(span, context, problemReply('reply_too_large', answerTooLarge));
        else this.#aborted(span, context.signal);
        return;
      default:
        end satisfies never;
    }
  }

  #answered(span: Span, { requestId }: HandlerContext, { status, problem }: ReplyHead): void {
    if (!span.isRecording()) return;
    span.setAttribute('http.response.status_code', status);
    if (status >= 500) this.#telemetry.fail(span, problem ?? String(status));
    // Such an answer may be followed by another run.
    if (status === 429 || status >= 500) this.#recent.add(requestId, span.spanContext());
    span.end();
  }

  #failed(span: Span, error: unknown): void {
    if (!span.isRecording()) return;
    const known = error instanceof Error ? error : new Error(String(error));
    span.recordException(known);
    this.#telemetry.fail(span, known.name, known.message);
    span.end();
  }

  #aborted(span: Span, { reason }: AbortSignal): void {
    if (!span.isRecording()) return;
    const isLate = reason instanceof DOMException && reason.name === 'TimeoutError';
    this.#telemetry.fail(span, isLate ? 'reply_timeout' : 'cancelled');
    span.end();
  }
}
