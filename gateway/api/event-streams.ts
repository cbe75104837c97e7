import type { FastifyReply } from 'fastify';
import type { ApiEvents } from '#shared/contract/api/events.ts';
import { Problem } from '#shared/contract/errors.ts';
import type { Connections } from '../http/connections.ts';
import type { UnsentAnswers } from '../routes/unsent-answers.ts';

export const topics = ['overview', 'live'] as const;
export type Topic = (typeof topics)[number];

/** The most streams of one gateway. Each page of the dashboard opens one. */
const maxStreams = 100;
/** How often a comment is sent, which keeps an idle connection open, in ms. */
const heartbeatMs = 15_000;
/** A stream ends after this time, in ms. The client connects again, with a credential that still holds. */
const maxAgeMs = 900_000;

export interface EventStreamsOptions {
  /** The connections of the listener that has the route. */
  readonly connections: Connections;
  /** Disconnects a client that reads nothing. */
  readonly unsent: UnsentAnswers;
}

/** @returns the text of an event, as an admin gets it or as a viewer does. */
export type EventTextFor = (onlyViews: boolean) => string;

/** @returns an event as the text of a stream (server-sent events, WHATWG HTML 9.2). */
export function eventText<Name extends keyof ApiEvents>(name: Name, data: ApiEvents[Name]): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

/**
 * @param watched the topics that somebody watches now.
 * @param begun whether a stream has begun; otherwise one has ended.
 */
export type WatchListener = (watched: ReadonlySet<Topic>, begun: boolean) => void;

interface Stream {
  readonly topics: ReadonlySet<Topic>;
  readonly onlyViews: boolean;
  readonly reply: FastifyReply;
  end(): void;
}

/** The event streams of this gateway. Each ends when its client leaves or the gateway stops. */
export class EventStreams {
  readonly #options: EventStreamsOptions;
  readonly #open = new Set<Stream>();
  #onWatched: WatchListener = () => undefined;
  #stopped = false;

  constructor(options: EventStreamsOptions) {
    this.#options = options;
  }

  /** How many streams are open. */
  get size(): number {
    return this.#open.size;
  }

  /** @param listener called each time a stream begins or ends. */
  whenWatched(listener: WatchListener): void {
    this.#onWatched = listener;
  }

  /**
   * Answers with a stream.
   * @param onlyViews the client may see metadata only.
   * @throws {Problem} `over_capacity` if too many streams are open, or the gateway stops.
   */
  open(reply: FastifyReply, watched: ReadonlySet<Topic>, onlyViews: boolean): void {
    if (this.#stopped) throw new Problem('over_capacity', 'The gateway is stopping; ask another one.');
    if (this.#open.size >= maxStreams)
      throw new Problem('over_capacity', `${maxStreams} event streams are open at this gateway.`);
    const { connections, unsent } = this.#options;
    const { raw: response } = reply;
    const { socket } = reply.request.raw;
    reply.hijack();
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    // A client that lost its connection asks again after this time, in ms.
    response.write('retry: 2000\n\n');
    const stopWatching = unsent.watch(response);
    const beat = setInterval(() => response.writableNeedDrain || response.write(': \n\n'), heartbeatMs);
    const end = (): void => {
      if (!this.#open.delete(stream)) return;
      clearInterval(beat);
      clearTimeout(age);
      stopWatching();
      connections.answered(socket, end);
      response.end();
      this.#tellWatched(false);
    };
    const stream: Stream = { topics: watched, onlyViews, reply, end };
    const age = setTimeout(end, maxAgeMs);
    this.#open.add(stream);
    connections.wait(socket, end);
    this.#tellWatched(true);
  }

  /**
   * Sends an event to all who watch a topic. One that reads slowly gets the next event instead, so that
   * nothing piles up.
   */
  send(topic: Topic, textFor: EventTextFor): void {
    const texts = new Map<boolean, string>();
    for (const { topics: watched, onlyViews, reply } of this.#open) {
      if (!watched.has(topic) || reply.raw.writableNeedDrain) continue;
      const text = texts.get(onlyViews) ?? textFor(onlyViews);
      texts.set(onlyViews, text);
      reply.raw.write(text);
    }
  }

  /** Ends all streams. Later ones are refused. */
  stop(): void {
    this.#stopped = true;
    for (const stream of this.#open) stream.end();
  }

  #tellWatched(begun: boolean): void {
    this.#onWatched(new Set([...this.#open].flatMap(({ topics: watched }) => [...watched])), begun);
  }
}
