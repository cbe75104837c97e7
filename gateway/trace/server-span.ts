import type { IncomingMessage } from 'node:http';
import type { Context, Span } from '@opentelemetry/api';
import { peerAddress } from '#shared/contract/ip-address.ts';
import { http } from '#shared/contract/node-http.ts';
import { pathOf } from '#shared/contract/target-path.ts';
import type { Telemetry } from '#shared/trace/telemetry.ts';
import type { RequestNotes, RequestTrace } from '../http/request-notes.ts';

const knownMethods: ReadonlySet<string> = new Set(http.METHODS);

/** The SERVER span of a dispatched request: from its head to the end of its answer. */
export class ServerSpan implements RequestTrace {
  readonly traceId: string;
  readonly #telemetry: Telemetry;
  readonly #span: Span;
  readonly #context: Context;
  readonly #isOurs: boolean;

  private constructor(telemetry: Telemetry, span: Span, context: Context, isOurs: boolean) {
    this.#telemetry = telemetry;
    this.#span = span;
    this.#context = context;
    this.#isOurs = isOurs;
    this.traceId = span.spanContext().traceId;
  }

  /**
   * Begins the span of a request.
   * @param url the target as the client sent it.
   */
  static begin(telemetry: Telemetry, raw: IncomingMessage, url: string): ServerSpan {
    const { api, tracer } = telemetry;
    const active = api.trace.getActiveSpan();
    // If an instrumentation of Node's http module has begun one, it also ends it.
    if (active !== undefined && Reflect.get(active, 'kind') === api.SpanKind.SERVER)
      return new ServerSpan(telemetry, active, api.context.active(), false);
    const parent = telemetry.contextOf(raw.rawHeaders);
    const { method = 'GET' } = raw;
    const isKnown = knownMethods.has(method);
    const attributes = {
      'http.request.method': isKnown ? method : '_OTHER',
      'url.scheme': 'http',
      'url.path': pathOf(url),
      'network.protocol.version': raw.httpVersion,
      'network.peer.address': peerAddress(raw.socket),
      ...(raw.headers['user-agent'] === undefined
        ? {}
        : { 'user_agent.original': raw.headers['user-agent'] }),
    };
    const options = { kind: api.SpanKind.SERVER, attributes };
    const span = tracer.startSpan(isKnown ? method : 'HTTP', options, parent);
    return new ServerSpan(telemetry, span, api.trace.setSpan(parent, span), true);
  }

  /** @returns the headers of the request as they carry this span to what follows. */
  carriedIn(headers: readonly string[]): string[] {
    return this.#telemetry.carry(this.#context, headers);
  }

  ended(status: number, code: string | undefined, { request, outcome, aborted }: RequestNotes): void {
    const span = this.#span;
    // An instrumentation may have ended it.
    if (!span.isRecording()) return;
    span.setAttributes({
      'http.response.status_code': status,
      'ringpost.request.id': outcome?.id,
      'ringpost.replica': outcome?.replica,
      'client.address': request?.ip,
    });
    const isBroken = aborted !== undefined && aborted !== 'slow';
    if (status >= 500 || isBroken) this.#telemetry.fail(span, code ?? String(status));
    else if (code !== undefined) span.setAttribute('error.type', code);
    if (this.#isOurs) span.end();
  }
}
