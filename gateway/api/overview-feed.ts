import type { OverviewView } from '#shared/contract/api/overview.ts';
import type { Logger } from '#shared/process/logger.ts';
import { eventText } from './event-streams.ts';
import type { EventTextFor } from './event-streams.ts';

export interface OverviewFeedOptions {
  /** Reads one snapshot. @returns what makes the overview of it for an admin or for a viewer. */
  readonly read: () => Promise<(onlyViews: boolean) => OverviewView>;
  /** Calls a function after each change of the ring. @returns a function that ends the calls. */
  readonly onChange: (listener: () => void) => () => void;
  readonly tell: (textFor: EventTextFor) => void;
  readonly log: Logger;
}

/** Time between two overviews, in ms, and the shortest one if the ring changes often. */
const everyMs = 2000;
const changeMs = 250;

/** Computes one overview for all who watch: every two seconds, and soon after a change of the ring. */
export class OverviewFeed {
  readonly #options: OverviewFeedOptions;
  #timer: NodeJS.Timeout | undefined;
  #end: (() => void) | undefined;
  #nextAt = 0;
  #reading = false;
  #again = false;

  constructor(options: OverviewFeedOptions) {
    this.#options = options;
  }

  /** Starts to compute, unless it does, and sends one at once: somebody has begun to watch. */
  start(): void {
    this.#end ??= this.#options.onChange(() => this.#within(changeMs));
    this.#within(0);
  }

  /** Safe to call twice. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#end?.();
    this.#end = undefined;
  }

  /** Computes one in some ms, unless one is due before. */
  #within(ms: number): void {
    const at = performance.now() + ms;
    if (this.#timer !== undefined && this.#nextAt <= at) return;
    clearTimeout(this.#timer);
    this.#nextAt = at;
    this.#timer = setTimeout(() => void this.#compute(), ms);
  }

  /** Never rejects. */
  async #compute(): Promise<void> {
    this.#timer = undefined;
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    const { read, tell, log } = this.#options;
    try {
      const view = await read();
      if (this.#end !== undefined) tell((onlyViews) => eventText('overview', view(onlyViews)));
    } catch (error) {
      // Redis is away: those who watch see that nothing new comes.
      log.debug({ err: error }, 'no overview was computed');
    }
    this.#reading = false;
    if (this.#end === undefined) return;
    this.#within(this.#again ? changeMs : everyMs);
    this.#again = false;
  }
}
