import type { FastifyReply } from 'fastify';
import { finalStates } from '#shared/contract/request-record.ts';
import type { MayKnow } from '../records/readers.ts';
import type { KnownRequest } from '#shared/store/records/request-records.ts';
import { viewOf } from '../records/request-view.ts';
import type { ClientWatcher, Watch } from '../records/watches.ts';
import type { UnsentAnswers } from './unsent-answers.ts';

/** How often a comment is sent, which keeps an idle connection open, in ms. */
const heartbeatMs = 15_000;

export interface EventStreamOptions {
  readonly reply: FastifyReply;
  readonly watch: Watch;
  readonly id: string;
  /** `Last-Event-ID`: the last change that the client knows. */
  readonly lastId: string | undefined;
  /** Whether the client may know of the request. */
  readonly mayKnow: MayKnow;
  /** Disconnects a client that reads nothing. */
  readonly unsent: UnsentAnswers;
}

/**
 * Streams the changes of a request (server-sent events, WHATWG HTML 9.2) until it ends, the client leaves or
 * the gateway stops. Each event is the request as it is then. The id of an event is the number of the change,
 * so that a client that reconnects with `Last-Event-ID` gets only what it has missed. A client that knows the
 * end gets 204, so that it does not reconnect. The watch ends with the stream.
 * @returns whether the request is known; if not, nothing was answered. Rejects if Redis does not answer
 * before the first event.
 */
export function streamEvents(options: EventStreamOptions): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const stream = new EventStream(options, resolve, reject);
    options.watch.start(options.id, stream, false);
  });
}

class EventStream implements ClientWatcher {
  readonly held = false;
  readonly #options: EventStreamOptions;
  readonly #resolve: (known: boolean) => void;
  readonly #reject: (error: unknown) => void;
  /**
   * The last change that the client knows, and its state. A client that reconnects does not send the state.
   */
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

  /** Whether the response has started. */
  get #open(): boolean {
    return this.#heartbeat !== undefined;
  }

  onUpdate(found: KnownRequest | undefined): void {
    const { mayKnow, reply } = this.#options;
    if (found === undefined || !mayKnow(found)) {
      // A request without a record is not known between the end of its job and the note of its end.
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
    if (!this.#open) this.#start();
    const ends = final || this.#stopping;
    // A client that reads slowly gets only the latest state, so that events do not pile up.
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
    // Redis is away: a later poll finds what was missed.
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

  #start(): void {
    const { reply, unsent } = this.#options;
    const response = reply.raw;
    reply.hijack();
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.flushHeaders();
    this.#stopWatching = unsent.watch(response);
    this.#heartbeat = setInterval(() => response.writableNeedDrain || response.write(': \n\n'), heartbeatMs);
  }

  /** The client knows the end. An `EventSource` reconnects after the end of a stream, but not after 204. */
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
