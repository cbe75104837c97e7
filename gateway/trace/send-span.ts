import type { Context, Link, Span } from '@opentelemetry/api';
import type { HttpRequest } from '#shared/contract/http.ts';
import type { Problem } from '#shared/contract/errors.ts';
import type { Telemetry } from '#shared/trace/telemetry.ts';

/** What a job is made of and where it goes. */
export interface Sent {
  readonly id: string;
  readonly replica: string;
  readonly headers: readonly string[];
  /** Bytes of its body. */
  readonly size: number;
}

/** The PRODUCER span of a job: until it is in Redis. The headers of the job carry it to the worker. */
export class SendSpan {
  /** The headers of the request, as the job carries them. */
  readonly headers: readonly string[];
  readonly #telemetry: Telemetry;
  readonly #span: Span;
  readonly #parent: Context;

  private constructor(telemetry: Telemetry, sent: Sent, parent: Context, links: Link[]) {
    const { api, tracer } = telemetry;
    const { id, replica, headers, size } = sent;
    const attributes = {
      'messaging.system': 'ringpost',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.destination.name': replica,
      'messaging.message.id': id,
      'messaging.message.body.size': size,
    };
    this.#telemetry = telemetry;
    this.#parent = parent;
    this.#span = tracer.startSpan(
      `send ${replica}`,
      { kind: api.SpanKind.PRODUCER, attributes, links },
      parent,
    );
    this.headers = telemetry.carry(api.trace.setSpan(parent, this.#span), headers);
  }

  /** Begins the span of a job. Its parent is the span that the headers of the request carry. */
  static begin(telemetry: Telemetry, sent: Sent): SendSpan {
    return new SendSpan(telemetry, sent, telemetry.contextOf(sent.headers), []);
  }

  /**
   * Begins the span of a job that is sent again, since Redis has lost it: a sibling that links to this one.
   */
  again(sent: Sent): SendSpan {
    return new SendSpan(this.#telemetry, sent, this.#parent, [{ context: this.#span.spanContext() }]);
  }

  /** @returns the request as its job carries it. */
  carriedIn(request: HttpRequest): HttpRequest {
    return { ...request, headers: this.headers };
  }

  /** Ends it. @param problem why the job was not added. */
  end(problem?: Problem): void {
    if (problem !== undefined) this.#telemetry.fail(this.#span, problem.code, problem.message);
    this.#span.end();
  }

  /** Ends it with the addition of the job. @returns what `adding` returns. */
  async endWith(adding: Promise<Problem | undefined>): Promise<Problem | undefined> {
    const problem = await adding;
    this.end(problem);
    return problem;
  }
}
