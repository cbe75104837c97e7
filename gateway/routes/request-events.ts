import type { ServerResponse } from 'node:http';
import { finalStates } from '#shared/contract/request-record.ts';
import type { KnownRequest, RequestStore } from '../requests/request-store.ts';
import type { RequestChanges } from '../requests/request-changes.ts';
import { viewOf } from '../requests/request-view.ts';

/** Between two comments that keep a quiet connection open, in ms. */
const heartbeatMs = 15_000;

/**
 * Streams of a request's changes (server-sent events, WHATWG HTML 9.2). Each event is the request as it is then; its id
 * is the number of its change, so that a client that comes back with `Last-Event-ID` is told only what it has missed.
 */
export class RequestEvents {
  readonly #store: RequestStore;
  readonly #changes: RequestChanges;
  readonly #open = new Set<() => void>();

  constructor(store: RequestStore, changes: RequestChanges) {
    this.#store = store;
    this.#changes = changes;
  }

  /** Ends all streams; clients come back to another gateway. */
  end(): void {
    for (const end of this.#open) end();
  }

  /**
   * Streams until the request has come to its end, or the client goes.
   * @param last the change that the client knows already; -1 for none.
   */
  async stream(response: ServerResponse, { id }: KnownRequest, last: number): Promise<void> {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.flushHeaders();
    let told = Number.isFinite(last) ? last : -1;
    let looking = Promise.resolve();
    const { promise: over, resolve: finish } = Promise.withResolvers<void>();
    const look = async (): Promise<void> => {
      const found = await this.#store.find(id);
      if (found === undefined) return finish();
      const { change, state } = found.record;
      if (change > told)
        response.write(`id: ${change}\nevent: ${state}\ndata: ${JSON.stringify(viewOf(found))}\n\n`);
      told = Math.max(told, change);
      if (finalStates.has(state)) finish();
    };
    const wake = (): void => {
      // Redis is away: the next change, or heartbeat, brings what was missed.
      looking = looking.then(look).catch(() => undefined);
    };
    response.once('close', finish);
    this.#open.add(finish);
    const listening = this.#changes.listen(id, wake);
    // What changes before Redis listens is seen by the first look, which is made after it.
    listening.then(wake).catch(() => undefined);
    const heartbeat = setInterval(() => {
      response.write(': \n\n');
      wake();
    }, heartbeatMs);
    await over;
    clearInterval(heartbeat);
    listening.then((end) => end()).catch(() => undefined);
    this.#open.delete(finish);
    response.end();
  }
}
