import type { FastifyReply } from 'fastify';
import { finalStates } from '#shared/contract/request-record.ts';
import type { MayKnow } from '../records/readers.ts';
import type { KnownRequest } from '#shared/store/request-records.ts';
import { viewOf } from '../records/request-view.ts';
import type { ClientWatcher, Watch } from '../records/watches.ts';
import type { UnsentAnswers } from './unsent-answers.ts';

/** Between two comments that keep a quiet connection open, in ms. */
const heartbeatMs = 15_000;

export interface EventStreamOptions {
  readonly reply: FastifyReply;
  readonly watch: Watch;
  readonly id: string;
  /** `Last-Event-ID`: the change that the client knows already. */
  readonly lastId: string | undefined;
  /** Whether the client may know of the request; if not, it is as if there were none. */
  readonly mayKnow: MayKnow;
  /** Disconnects a client that takes nothing. */
  readonly unsent: UnsentAnswers;
}

/**
 * Streams a request's changes (server-sent events, WHATWG HTML 9.2) until it has come to its end, the client goes or the
 * gateway stops. Each event is the request as it is then. Its id is the number of its change, so that a client that
 * comes back with `Last-Event-ID` is told only what it has missed. One that knows the end gets 204, so that it does not
 * come back. The watch is ended with the stream.
 * @returns whether the request is known; nothing was answered if it is not. Rejects if Redis does not answer before the
 * first event.
 */
export function streamEvents(options: EventStreamOptions): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const stream = new EventStream(options, resolve, reject);
    options.watch.begin(options.id, stream, false);
  });
}

class EventStream implements ClientWatcher {
  readonly held = false;
  readonly #options: EventStreamOptions;
  readonly #resolve: (known: boolean) => void;
  readonly #reject: (error: unknown) => void;
  /** The last change that the client knows, and its state; a client that comes back does not say the state. */
  #told: number;
  #toldState: string | undefined;
  #stopping = false;
  #missing = false;
  #stopWatching: () => void = () => undefined;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(
    options: EventStreamOptions,
    resolve: (known: boolean) => void,
    reject: (error: unknown) => void,
  ) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    const lastId = Number(options.lastId ?? -1);
    this.#told = Number.isFinite(lastId) ? lastId : -1;
  }

  /** Whether anything was answered. */
  get #open(): boolean {
    return this.#heartbeat !== undefined;
  }

  onLook(found: KnownRequest | undefined): void {
    const { mayKnow, reply } = this.#options;
    if (found === undefined || !mayKnow(found)) {
      // Between the end of its job and the note of its end, nothing is known of a request without a record.
      if (!this.#open || this.#missing) this.#finish(this.#open);
      this.#missing = true;
      return;
    }
    this.#missing = false;
    const { change, state } = found.record;
    const final = finalStates.has(state);
    if (!this.#open && final && change <= this.#told) {
      this.#endForGood();
      return;
    }
    if (!this.#open) this.#begin();
    const ends = final || this.#stopping;
    // A client that takes nothing is told the latest when it does, so that events do not pile up.
    if (reply.raw.writableNeedDrain && !ends) return;
    const isNew = change > this.#told || (this.#toldState !== undefined && this.#toldState !== state);
    if (isNew || final) {
      reply.raw.write(`id: ${change}\nevent: ${state}\ndata: ${JSON.stringify(viewOf(found))}\n\n`);
    }
    this.#told = Math.max(this.#told, change);
    this.#toldState = state;
    if (ends) this.#finish(true);
  }

  onFailure(error: unknown): void {
    // Redis is away: a later look brings what was missed.
    if (this.#open) return;
    this.#end();
    this.#reject(error);
  }

  onStop(): void {
    this.#stopping = true;
    if (this.#open) this.#finish(true);
  }

  onGone(): void {
    this.#finish(true);
  }

  #begin(): void {
    const { reply, unsent } = this.#options;
    const response = reply.raw;
    reply.hijack();
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.flushHeaders();
    // A client that takes nothing would have its events pile up.
    this.#stopWatching = unsent.watch(response);
    this.#heartbeat = setInterval(() => response.writableNeedDrain || response.write(': \n\n'), heartbeatMs);
  }

  /** The client knows the end: an `EventSource` comes back after the end of any stream, but not after 204. */
  #endForGood(): void {
    const { reply } = this.#options;
    reply.hijack();
    reply.raw.writeHead(204, { 'Cache-Control': 'no-store' }).end();
    this.#finish(true);
  }

  #finish(known: boolean): void {
    this.#end();
    if (this.#open) this.#options.reply.raw.end();
    this.#resolve(known);
  }

  #end(): void {
    clearInterval(this.#heartbeat);
    this.#stopWatching();
    this.#options.watch.end();
  }
}
