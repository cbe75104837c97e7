import type { Logger } from '#shared/process/logger.ts';
import { CancellationChannel } from '#shared/store/queue/cancellation-channel.ts';
import type { Connection } from '#shared/store/redis/connection.ts';

/** Ids are collected for this time before they are sent, in ms. */
const collectMs = 5;
/** Ids in one message. */
const maxIds = 500;

/** Tells the workers to abort requests that they run. Cancellations of a few ms travel in one message. */
export class Cancellations {
  readonly #channel: CancellationChannel;
  readonly #log: Logger;
  #ids: string[] = [];

  /** @param connection a fail-fast connection that others may share. */
  constructor(connection: Connection, log: Logger) {
    this.#channel = new CancellationChannel(connection);
    this.#log = log;
  }

  /** Tells the worker that runs this request. If Redis is away the request runs until it ends. */
  announce(id: string): void {
    this.#ids.push(id);
    if (this.#ids.length === 1) setTimeout(() => this.#publish(), collectMs);
  }

  #publish(): void {
    const ids = this.#ids;
    this.#ids = [];
    for (let at = 0; at < ids.length; at += maxIds) {
      this.#channel.announce(ids.slice(at, at + maxIds)).catch((error: unknown) => {
        this.#log.debug({ err: error }, 'workers could not be told of cancelled requests');
      });
    }
  }
}
