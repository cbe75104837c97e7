import type { Socket } from 'node:net';
import { Problem } from '#shared/contract/errors.ts';
import type { Connections } from '../http/connections.ts';
import type { RequestChanges } from '#shared/store/records/request-changes.ts';
import type { RequestRecords } from '#shared/store/records/request-records.ts';
import { SharedPoll } from './shared-poll.ts';
import type { Watcher } from './shared-poll.ts';

export interface WatchesOptions {
  readonly records: Pick<RequestRecords, 'find'>;
  readonly changes: RequestChanges;
  readonly connections: Connections;
  /** The most clients that may watch at once. */
  readonly limit: number;
}

/** Hears of a client, and of its gateway. */
export interface ClientListener {
  /** The connection of the client has closed. Nothing more is told. */
  onGone(): void;
  /** The gateway stops. */
  onStop(): void;
  /** Whether a gateway that stops waits for this client's answer, as for any request in flight. */
  readonly held: boolean;
}

/** Watches a request for a client. */
export interface ClientWatcher extends Watcher, ClientListener {}

/**
 * All clients of this gateway that watch a request: long polls, event streams, waits for an answer, and
 * readers of kept streams.
 */
export class Watches {
  readonly #options: WatchesOptions;
  readonly #open = new Set<Watch>();
  readonly #polls = new Map<string, SharedPoll>();
  #stopping = false;

  constructor(options: WatchesOptions) {
    this.#options = options;
  }

  /** How many clients watch. */
  get size(): number {
    return this.#open.size;
  }

  /** Whether the gateway is stopping. */
  get stopping(): boolean {
    return this.#stopping;
  }

  /** The ids of the requests whose answers a gateway that stops waits for. */
  get held(): readonly string[] {
    return [...this.#open].flatMap(({ held }) => held ?? []);
  }

  /**
   * Opens a watch, which counts towards the limit until it ends.
   * @throws {Problem} `over_capacity` if the limit is reached.
   */
  open(socket: Socket): Watch {
    const watch = this.tryOpen(socket);
    if (watch !== undefined) return watch;
    throw new Problem('over_capacity', `${this.#options.limit} clients watch requests at this gateway.`);
  }

  /** @returns a new watch; undefined if the limit is reached. */
  tryOpen(socket: Socket): Watch | undefined {
    const { connections, limit } = this.#options;
    if (this.#open.size >= limit) return undefined;
    const watch = new Watch(this, () => {
      this.#open.delete(watch);
      connections.answered(socket, watch.onGone);
    });
    this.#open.add(watch);
    connections.wait(socket, watch.onGone);
    return watch;
  }

  /** Tells all watchers that the gateway stops; a later watcher is told when it starts. */
  stop(): void {
    this.#stopping = true;
    for (const watch of this.#open) watch.stop();
  }

  /** Adds a watcher to the shared poll of a request. @returns a function that removes it. */
  join(id: string, watcher: Watcher, known: boolean): () => void {
    const { records, changes } = this.#options;
    let poll = this.#polls.get(id);
    if (poll === undefined) {
      poll = new SharedPoll(id, changes, () => records.find(id));
      this.#polls.set(id, poll);
    }
    const joined = poll;
    joined.add(watcher, known);
    return () => {
      joined.delete(watcher);
      if (joined.isUnwatched && this.#polls.get(id) === joined) this.#polls.delete(id);
    };
  }
}

/** The watch of one client. It ends by itself when the connection of the client closes. */
export class Watch {
  readonly #watches: Watches;
  readonly #onEnd: () => void;
  #gone = false;
  #ended = false;
  #id = '';
  #listener: ClientListener | undefined;
  #leave: (() => void) | undefined;

  /** @param onEnd called once when it ends. */
  constructor(watches: Watches, onEnd: () => void) {
    this.#watches = watches;
    this.#onEnd = onEnd;
  }

  /** Whether the connection of the client has closed. */
  get gone(): boolean {
    return this.#gone;
  }

  /** The request whose answer a gateway that stops waits for; undefined if it does not wait for this one. */
  get held(): string | undefined {
    return this.#listener?.held === true ? this.#id : undefined;
  }

  /**
   * Starts to watch a request.
   * @param known whether the watcher knows the request as it was a moment ago, and waits for changes only.
   */
  start(id: string, watcher: ClientWatcher, known: boolean): void {
    if (!this.#ended) this.#leave = this.#watches.join(id, watcher, known);
    this.serve(id, watcher);
  }

  /** The client gets the answer of a request from now on. The listener hears of client and gateway. */
  serve(id: string, listener: ClientListener): void {
    this.#id = id;
    this.#listener = listener;
    if (this.#ended) listener.onGone();
    else if (this.#watches.stopping) this.stop();
  }

  /** Stops to watch the request. The client still counts, until {@link end}. */
  leave(): void {
    this.#leave?.();
    this.#leave = undefined;
    this.#listener = undefined;
  }

  stop(): void {
    this.#listener?.onStop();
  }

  /** The connection of the client has closed. */
  readonly onGone = (): void => {
    this.#gone = true;
    const listener = this.#listener;
    this.end();
    listener?.onGone();
  };

  /** Stops watching. Safe to call twice. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.leave();
    this.#onEnd();
  }
}
