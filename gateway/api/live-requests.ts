import type { ApiEvents } from '#shared/contract/api/events.ts';
import type { LiveRequestView } from '#shared/contract/api/requests.ts';
import { pathOf } from '#shared/contract/target-path.ts';
import { keyDigest } from '#shared/ring/key-digest.ts';
import type { EndedRequest, EndedRequestHub, EndedRequestListener } from '../http/ended-request.ts';
import type { LiveSource } from './live-source.ts';

/** The requests that ended since the batch before, and how many more there were. */
export type LiveBatch = ApiEvents['live'];

/** How many requests are kept. */
const kept = 1000;
/** How many requests a batch has at most: a reader follows no more. */
const perBatch = 50;
/** Time between two batches, in ms. */
const everyMs = 250;
/** A call that reads the list keeps it for this time, in ms. */
const readMs = 30_000;

/**
 * The latest requests that this gateway has answered. They are kept only while somebody watches: a listener,
 * or one who has read the list in the last 30 s. Otherwise a request costs nothing.
 */
export class LiveRequests implements EndedRequestListener, LiveSource {
  readonly #source: EndedRequestHub;
  readonly #now: () => number;
  readonly #listeners = new Set<(batch: LiveBatch) => void>();
  #leave: (() => void) | undefined;
  #watchedUntil = Number.NEGATIVE_INFINITY;
  /** A ring: `#count` modulo its length is the place of the next one. */
  #requests: LiveRequestView[] = [];
  #count = 0;
  #toSend: LiveRequestView[] = [];
  #left = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param now the time in ms, by a clock that is never set. */
  constructor(source: EndedRequestHub, now: () => number = () => performance.now()) {
    this.#source = source;
    this.#now = now;
  }

  /** Whether requests are kept now. */
  get isWatched(): boolean {
    return this.#leave !== undefined;
  }

  /**
   * @param listener is called at most four times a second, and only if requests ended.
   * @returns a function that ends the watch.
   */
  watch(listener: (batch: LiveBatch) => void): () => void {
    // A function that is given twice is two watches.
    const own = (batch: LiveBatch): void => listener(batch);
    this.#listeners.add(own);
    this.#begin();
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size > 0) return;
      this.#dropBatch();
      // Somebody may have read the list a moment ago; if not, the next request ends the watch.
    };
  }

  /** @returns the latest requests first. The first call after a time begins with none. */
  latest(): readonly LiveRequestView[] {
    this.#watchedUntil = this.#now() + readMs;
    this.#begin();
    const at = this.#count % kept;
    return [...this.#requests.slice(at), ...this.#requests.slice(0, at)].toReversed();
  }

  /** @returns undefined if the request is not among those that are kept. */
  find(id: string): LiveRequestView | undefined {
    return this.#requests.find((request) => request.id === id);
  }

  ended(request: EndedRequest): void {
    if (this.#listeners.size === 0 && this.#now() > this.#watchedUntil) {
      this.#end();
      return;
    }
    const view = viewOf(request);
    this.#requests[this.#count % kept] = view;
    this.#count += 1;
    if (this.#listeners.size === 0) return;
    if (this.#toSend.length < perBatch) this.#toSend.push(view);
    else this.#left += 1;
    this.#timer ??= setTimeout(() => this.#send(), everyMs);
  }

  /** Ends all watches. */
  stop(): void {
    this.#listeners.clear();
    this.#end();
  }

  #begin(): void {
    this.#leave ??= this.#source.add(this);
  }

  #end(): void {
    this.#leave?.();
    this.#leave = undefined;
    this.#requests = [];
    this.#count = 0;
    this.#dropBatch();
  }

  #dropBatch(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#toSend = [];
    this.#left = 0;
  }

  #send(): void {
    const batch = { requests: this.#toSend, left: this.#left };
    this.#dropBatch();
    for (const listener of this.#listeners) listener(batch);
  }
}

function viewOf(request: EndedRequest): LiveRequestView {
  const { id, at, method, target, replica, status, code, mode, attempt, totalMs, key } = request;
  return {
    id,
    at,
    method,
    path: pathOf(target),
    replica: replica ?? null,
    status,
    code: code ?? null,
    mode,
    attempt,
    adoptedBy: request.adoptedBy ?? null,
    queueMs: request.queueMs ?? null,
    serviceMs: request.serviceMs ?? null,
    totalMs,
    keyDigest: key === undefined ? null : keyDigest(key),
    traceId: request.traceId ?? null,
  };
}
