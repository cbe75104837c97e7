import type { Socket } from 'node:net';
import { Problem } from '#shared/contract/errors.ts';
import type { Connections } from '../http/connections.ts';
import type { RequestChanges } from '#shared/store/request-changes.ts';
import type { RequestRecords } from '#shared/store/request-records.ts';
import { SharedLook } from './shared-look.ts';
import type { Watcher } from './shared-look.ts';

export interface WatchesOptions {
  readonly records: Pick<RequestRecords, 'find'>;
  readonly changes: RequestChanges;
  readonly connections: Connections;
  /** How many clients may watch at once. */
  readonly limit: number;
}

/** One who watches for a client. */
export interface ClientWatcher extends Watcher {
  /** The connection of the client has closed: nothing is told any more. */
  onGone(): void;
  /** The gateway stops. */
  onStop(): void;
  /** Whether the client waits for its answer when the gateway stops, as for any request that is in flight. */
  readonly held: boolean;
}

/** All clients of this gateway that watch a request: long polls, streams of events, and waits for an answer. */
export class Watches {
  readonly #options: WatchesOptions;
  readonly #open = new Set<Watch>();
  readonly #looks = new Map<string, SharedLook>();
  #stopping = false;

  constructor(options: WatchesOptions) {
    this.#options = options;
  }

  /** How many clients watch. */
  get size(): number {
    return this.#open.size;
  }

  /** Whether the gateway stops. */
  get stopping(): boolean {
    return this.#stopping;
  }

  /** The ids of the requests whose clients wait for the answer, whether the gateway stops or not. */
  get held(): readonly string[] {
    return [...this.#open].flatMap(({ held }) => held ?? []);
  }

  /**
   * @returns a place among those that watch, until it is ended.
   * @throws {Problem} `over_capacity` if as many watch as may.
   */
  open(socket: Socket): Watch {
    const watch = this.tryOpen(socket);
    if (watch !== undefined) return watch;
    throw new Problem('over_capacity', `${this.#options.limit} clients watch requests at this gateway.`);
  }

  /** @returns a place among those that watch; undefined if as many watch as may. */
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

  /** The gateway stops: each is told, and who begins later is told as it begins. */
  stop(): void {
    this.#stopping = true;
    for (const watch of this.#open) watch.stop();
  }

  /** Adds one who is told of a request, by the look that all share. @returns ends it. */
  join(id: string, watcher: Watcher, known: boolean): () => void {
    const { records, changes } = this.#options;
    let look = this.#looks.get(id);
    if (look === undefined) {
      look = new SharedLook(id, changes, () => records.find(id));
      this.#looks.set(id, look);
    }
    const joined = look;
    joined.add(watcher, known);
    return () => {
      joined.delete(watcher);
      if (joined.idle && this.#looks.get(id) === joined) this.#looks.delete(id);
    };
  }
}

/** A place among the watches of a gateway. It ends by itself when the connection of its client closes. */
export class Watch {
  readonly #watches: Watches;
  readonly #onEnd: () => void;
  #gone = false;
  #ended = false;
  #id = '';
  #watcher: ClientWatcher | undefined;
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

  /** The request whose client waits for the answer when the gateway stops; undefined if this one does not. */
  get held(): string | undefined {
    return this.#watcher?.held === true ? this.#id : undefined;
  }

  /**
   * Begins to tell of a request.
   * @param known whether the watcher knows the request as it was a moment ago, and waits for changes alone.
   */
  begin(id: string, watcher: ClientWatcher, known: boolean): void {
    this.#id = id;
    this.#watcher = watcher;
    if (this.#ended) {
      watcher.onGone();
      return;
    }
    this.#leave = this.#watches.join(id, watcher, known);
    if (this.#watches.stopping) this.stop();
  }

  stop(): void {
    this.#watcher?.onStop();
  }

  /** The connection of the client has closed. */
  readonly onGone = (): void => {
    this.#gone = true;
    this.end();
    this.#watcher?.onGone();
  };

  /** Nothing is told any more, and nothing is read for this client. Safe to call twice. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#leave?.();
    this.#onEnd();
  }
}
