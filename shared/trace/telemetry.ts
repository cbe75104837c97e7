import type * as OpenTelemetry from '@opentelemetry/api';
import type {
  Context,
  ProxyTracerProvider,
  Span,
  SpanContext,
  Tracer,
  TracerProvider,
} from '@opentelemetry/api';
import type { Logger } from '../process/logger.ts';
import { optionalPackage } from '../process/optional-package.ts';
import { isDoneWithin } from '../process/within.ts';
import { carriedBy, withCarried } from './carried-context.ts';

/** The module that SDK and instrumentations of a process share. */
export type Api = typeof OpenTelemetry;

/** Where `@opentelemetry/api` keeps what an SDK has registered. */
const registry = Symbol.for('opentelemetry.js.api.1');

/** Time in ms in which a process that stops exports the spans that it still holds. */
const flushMs = 1000;

/** The tracer of a process in which an SDK is loaded, and its propagator. */
export class Telemetry {
  readonly api: Api;
  readonly tracer: Tracer;
  readonly #provider: TracerProvider;

  constructor(api: Api, tracer: Tracer, provider: TracerProvider) {
    this.api = api;
    this.tracer = tracer;
    this.#provider = provider;
  }

  /**
   * @param headers of a request, alternating names and values.
   * @returns the context that they carry; a root context if they carry none.
   */
  contextOf(headers: readonly string[]): Context {
    return carriedBy(this.api, headers);
  }

  /** @returns a copy of the headers that carries this context instead of the one that they carried. */
  carry(context: Context, headers: readonly string[]): string[] {
    return withCarried(this.api, context, headers);
  }

  /** @returns the identity of the span of a context, to link to it; undefined if it has none. */
  spanContextOf(context: Context): SpanContext | undefined {
    const { trace } = this.api;
    const found = trace.getSpanContext(context);
    return found !== undefined && trace.isSpanContextValid(found) ? found : undefined;
  }

  /** Marks a span as failed. @param type names the class of the error, e.g. a problem's code. */
  fail(span: Span, type: string, message?: string): void {
    span.setAttribute('error.type', type);
    span.setStatus({ code: this.api.SpanStatusCode.ERROR, ...(message === undefined ? {} : { message }) });
  }

  /** Exports the spans that were ended, within a second. Never rejects. */
  async flush(): Promise<void> {
    const flush: unknown = Reflect.get(this.#provider, 'forceFlush');
    if (typeof flush !== 'function') return;
    const flushed = Promise.resolve(Reflect.apply(flush, this.#provider, [])).catch(() => undefined);
    await isDoneWithin(flushed, flushMs);
  }
}

/**
 * Looks for an SDK in this process. Call it once, at the start. Without an SDK nothing is loaded.
 * @returns undefined if no tracer provider is registered, or if `@opentelemetry/api` is not installed.
 */
export async function loadTelemetry(log: Logger): Promise<Telemetry | undefined> {
  const registered: unknown = Reflect.get(globalThis, registry);
  if (typeof registered !== 'object' || registered === null || !('trace' in registered)) return undefined;
  const api = await optionalPackage('@opentelemetry/api', () => import('@opentelemetry/api'));
  if (api === undefined) {
    log.warn('a tracer provider is registered, but @opentelemetry/api is not installed: there are no traces');
    return undefined;
  }
  const given = api.trace.getTracerProvider();
  // An SDK registers the API's proxy, which hides what the SDK's own provider can do.
  const provider = 'getDelegate' in given ? (given as ProxyTracerProvider).getDelegate() : given;
  if (provider === new api.ProxyTracerProvider().getDelegate()) {
    log.warn(
      'a tracer provider is registered with another version of @opentelemetry/api: there are no traces',
    );
    return undefined;
  }
  return new Telemetry(api, provider.getTracer('ringpost'), provider);
}
