import { startStop } from '#shared/process/lifecycle.ts';
import type { StartStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { periodically } from '#shared/process/periodically.ts';
import { EventReaders } from '#shared/store/queue/event-readers.ts';
import type { Connection } from '#shared/store/redis/connection.ts';

export interface EventDemandOptions {
  readonly connection: Connection;
  readonly mode: 'auto' | 'on' | 'off';
  readonly log: Logger;
}

/** Between two looks for readers, in ms. A reader that has connected gets events after that. */
const lookEveryMs = 2000;
/** Looking for readers may take this part of Redis's time: a list of many clients takes long. */
const maxShare = 1 / 200;
const maxPauseMs = 30_000;
/** If events are written without a reader, how often the scripts are told, and for how long, in ms. */
const always = { everyMs: 20_000, ttlMs: 60_000 };

/**
 * Decides for which queues the scripts write BullMQ's events: for those that somebody reads (`auto`), for all
 * (`on`), or for none (`off`). The key that tells the scripts so expires: events are no longer written some
 * seconds after the last reader has left.
 */
export class EventDemand {
  readonly #readers: EventReaders;
  readonly #connection: Connection;
  readonly #log: Logger;
  readonly #life: StartStop;
  /** Whether the events of all queues are written. */
  #always: boolean;
  #replicas: ReadonlySet<string> = new Set();
  #pauseMs = lookEveryMs;
  /** When the scripts are told again, if events are always written, on the `performance.now()` clock. */
  #nextAt = 0;

  constructor({ connection, mode, log }: EventDemandOptions) {
    this.#readers = new EventReaders(connection);
    this.#connection = connection;
    this.#log = log;
    this.#always = mode === 'on';
    const rounds = periodically(
      lookEveryMs,
      () => this.#round(),
      () => undefined,
    );
    this.#life = startStop(
      async () => {
        if (mode === 'off') return;
        await this.#round();
        await rounds.start();
      },
      () => rounds.stop(),
    );
  }

  /** Resolves when the scripts are told for the first time. */
  start(): Promise<void> {
    return this.#life.start();
  }

  stop(): Promise<void> {
    return this.#life.stop();
  }

  /**
   * @param replicas that are in use. If events are always written, those of a new one are from its first job
   * on, since jobs are added on the same connection.
   */
  follow(replicas: ReadonlySet<string>): void {
    const added = replicas.difference(this.#replicas);
    this.#replicas = new Set(replicas);
    if (this.#always) void this.#quietly(() => this.#readers.mark(added, always.ttlMs));
  }

  #round(): Promise<void> {
    // While Redis is away nobody reads.
    if (!this.#connection.ready) return Promise.resolve();
    return this.#quietly(() => (this.#always ? this.#markAll() : this.#look()));
  }

  async #look(): Promise<void> {
    if (!(await this.#readers.claimLook(this.#pauseMs - 100))) return;
    const began = performance.now();
    const found = await this.#readers.find();
    if (found === undefined) {
      this.#log.warn(
        "Redis refuses CLIENT LIST, so nobody knows whether BullMQ's events are read, and they are always " +
          'written; grant the right, or set QUEUE_EVENTS to on or off',
      );
      this.#always = true;
      return this.#markAll();
    }
    const tookMs = performance.now() - began;
    this.#pauseMs = Math.min(maxPauseMs, Math.max(lookEveryMs, tookMs / maxShare));
    const read = found.others ? [...found.replicas, ...this.#replicas] : found.replicas;
    // The next look may be that of another gateway, one pause and one round later; one may fail.
    await this.#readers.mark(new Set(read), 2 * (this.#pauseMs + lookEveryMs));
  }

  async #markAll(): Promise<void> {
    const now = performance.now();
    if (now < this.#nextAt) return;
    await this.#readers.mark(this.#replicas, always.ttlMs);
    this.#nextAt = now + always.everyMs;
  }

  /** A round that fails is left out: the next one follows soon. */
  async #quietly(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#log.debug({ err: error }, 'the readers of events are not known');
    }
  }
}
