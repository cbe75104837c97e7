import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import type { Logger } from '#shared/process/logger.ts';

/** The parts of an engine's event that are used. */
export interface EngineEvent {
  readonly action: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Time in ms until the stream is opened again. */
const retryDelayMs = 1000;

/**
 * Follows the engine's container events, and opens the stream again when it ends. A stream may also stall
 * without ending, so a poll has to stand behind it.
 * @param filters as the engine's API defines them.
 * @param onOpen called each time the stream is opened: earlier events may have been missed.
 */
export class EngineEvents {
  readonly #docker: Docker;
  readonly #filters: Record<string, readonly string[]>;
  readonly #onEvent: (event: EngineEvent) => void;
  readonly #onOpen: () => void;
  readonly #log: Logger;
  readonly #abort = new AbortController();
  /** Ends the stream that is open or being opened. */
  #attempt = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(
    docker: Docker,
    filters: Record<string, readonly string[]>,
    onEvent: (event: EngineEvent) => void,
    onOpen: () => void,
    log: Logger,
  ) {
    this.#docker = docker;
    this.#filters = filters;
    this.#onEvent = onEvent;
    this.#onOpen = onOpen;
    this.#log = log;
  }

  start(): void {
    this.#loop ??= this.#follow();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#attempt.abort();
    await this.#loop;
  }

  /** Opens the stream again at once: it did not deliver what it should have. */
  reopen(): void {
    this.#attempt.abort();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      this.#attempt = new AbortController();
      try {
        await this.#readOnce(this.#attempt.signal);
      } catch (error) {
        if (!this.#attempt.signal.aborted) this.#log.debug({ err: error }, "the engine's events broke off");
      }
      if (this.#attempt.signal.aborted) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, retryDelayMs);
        this.#attempt.signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), {
          once: true,
        });
      });
    }
  }

  async #readOnce(signal: AbortSignal): Promise<void> {
    const filters = this.#filters;
    // dockerode types the stream as the oldest of Node's interfaces.
    const stream = (await this.#docker.getEvents({ filters, abortSignal: signal })) as Readable;
    signal.addEventListener('abort', () => stream.destroy(), { once: true });
    this.#onOpen();
    for await (const line of createInterface({ input: stream, signal })) {
      if (line === '') continue;
      // The engine's API defines these fields.
      const { Action, Actor } = JSON.parse(line) as {
        Action: string;
        Actor: { ID: string; Attributes: Record<string, string> };
      };
      this.#onEvent({ action: Action, id: Actor.ID, attributes: Actor.Attributes });
    }
  }
}
