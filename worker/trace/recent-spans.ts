import type { SpanContext } from '@opentelemetry/api';

/** How many are remembered. */
const limit = 1000;

/** The latest span of each request that this worker has run lately, and that may run again. */
export class RecentSpans {
  readonly #spans = new Map<string, SpanContext>();

  /** @returns the span of the previous run of a request, and forgets it; undefined if none is known. */
  take(id: string): SpanContext | undefined {
    const found = this.#spans.get(id);
    this.#spans.delete(id);
    return found;
  }

  /** Remembers a span; the oldest one is forgotten if there are too many. */
  add(id: string, span: SpanContext): void {
    this.#spans.delete(id);
    this.#spans.set(id, span);
    const [oldest] = this.#spans.keys();
    if (this.#spans.size > limit && oldest !== undefined) this.#spans.delete(oldest);
  }
}
