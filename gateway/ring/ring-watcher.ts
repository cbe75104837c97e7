import { isDeepStrictEqual } from 'node:util';
import type { Redis } from 'ioredis';
import type { Keys } from '#shared/store/keys/keys.ts';
import { startStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { RingState, RingStore } from '#shared/store/ring-store.ts';
import { isReservedName } from '#shared/contract/reserved-names.ts';
import { fitting } from '#shared/ring/fitting.ts';
import type { Ring, RingParameters } from '#shared/ring/ring.ts';
import { createRing } from '#shared/ring/strategies.ts';
import { ringPollMs, ringStaleMs } from '#shared/settings/common.ts';

export interface RingWatcherOptions {
  readonly store: RingStore;
  readonly keys: Keys;
  readonly parameters: RingParameters;
  /** A patient connection of the watcher's own, for its subscription. */
  readonly subscriber: Redis;
  /** What has to be confirmed against Redis together with the ring; rejects where it cannot be. */
  readonly alsoConfirm: () => Promise<void>;
  readonly log: Logger;
}

const nothing: RingState = {
  version: -2,
  joined: 0,
  desired: [],
  ring: new Map(),
  retired: new Map(),
  settings: new Map(),
};

/** The ring in memory, kept true to the one in Redis: by a notification of each change, and by a poll behind it. */
export class RingWatcher {
  readonly #options: RingWatcherOptions;
  readonly #listeners = new Set<() => void>();
  readonly #life = startStop(
    () => this.#start(),
    () => this.#stop(),
  );
  #state: RingState = nothing;
  #ring: Ring;
  #confirmed = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #refreshing: Promise<void> | undefined;
  #again = false;
  #losses = 0;
  readonly #warnedOf = new Set<string>();
  #stopped = false;

  constructor(options: RingWatcherOptions) {
    this.#options = options;
    this.#ring = createRing(options.parameters, []);
  }

  /** Begins to watch; resolves when the ring was read once. */
  start(): Promise<void> {
    return this.#life.start();
  }

  /** Ends the watch; its connections stay open. */
  stop(): Promise<void> {
    return this.#life.stop();
  }

  /** The ring by which requests are dispatched. */
  get ring(): Ring {
    return this.#ring;
  }

  get state(): RingState {
    return this.#state;
  }

  /** Whether the ring was confirmed against Redis so long ago that it must not be used any more. */
  get stale(): boolean {
    return performance.now() - this.#confirmed > ringStaleMs;
  }

  /** Whether a replica's queue is served, or will be; where nothing is known yet, it is taken for so. */
  isServed(replica: string): boolean {
    const { version, desired, retired } = this.#state;
    return version < 0 || retired.has(replica) || desired.some((member) => member.name === replica);
  }

  /** How often Redis has lost the ring: versions only grow, and each change has a version of its own. */
  get losses(): number {
    return this.#losses;
  }

  /** @returns a function that ends the calls of `listener`, which is called after each change. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads the ring now; calls that come while one is under way share one more. */
  refresh(): Promise<void> {
    if (this.#refreshing) {
      this.#again = true;
      return this.#refreshing;
    }
    this.#refreshing = this.#refreshUntilCurrent().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /**
   * @returns true once `holds` is true of the state, false when `timeoutMs` have passed before.
   */
  async until(holds: (state: RingState) => boolean, timeoutMs: number): Promise<boolean> {
    if (holds(this.#state)) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), timeoutMs);
    const off = this.onChange(() => {
      if (holds(this.#state)) resolve(true);
    });
    const result = await promise;
    clearTimeout(timer);
    off();
    return result;
  }

  /** Reads the ring soon, when there is reason to; a failure is made up for by the next poll. */
  wake(): void {
    this.refresh().catch((error: unknown) => {
      if (!this.#stopped) this.#options.log.debug({ err: error }, 'the ring could not be confirmed');
    });
  }

  async #start(): Promise<void> {
    const { subscriber, keys } = this.#options;
    subscriber.on('message', (channel: string) => {
      if (channel === keys.changes) this.wake();
    });
    await subscriber.subscribe(keys.changes);
    await this.refresh();
    this.#timer = setInterval(() => this.wake(), ringPollMs);
  }

  async #stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#refreshing?.catch(() => undefined);
  }

  async #refreshUntilCurrent(): Promise<void> {
    do {
      this.#again = false;
      const asked = performance.now();
      const [state] = await Promise.all([this.#options.store.read(), this.#options.alsoConfirm()]);
      // The version alone does not tell: a ring that was lost and made anew may have reached the old one's.
      if (!isDeepStrictEqual(state, this.#state)) this.#take(state);
      this.#confirmed = asked;
    } while (this.#again && !this.#stopped);
  }

  #take(state: RingState): void {
    const { version, desired } = this.#state;
    const older = state.version < version;
    // What is desired never changes without the version.
    if (
      version >= 0 &&
      (older || (state.version === version && !isDeepStrictEqual(state.desired, desired)))
    ) {
      const replicas = desired.map(({ name }) => name);
      this.#options.log.warn({ replicas, version: state.version }, 'Redis has lost the ring and its queues');
      this.#losses += 1;
    }
    this.#warnOfReserved(state);
    const { parameters } = this.#options;
    const inRing = state.desired.filter(({ name }) => state.ring.has(name));
    // One whose place another has is let in again when the controller has given it one of its own.
    const { members } = fitting(parameters, inRing);
    this.#state = state;
    this.#ring = createRing(parameters, members);
    this.#options.log.info(
      { version: state.version, ring: members.map(({ name }) => name) },
      'the ring changed',
    );
    for (const listener of this.#listeners) listener();
  }

  /** `/add` refuses such a name today; an older version may have taken it. */
  #warnOfReserved({ desired }: RingState): void {
    for (const { name } of desired) {
      if (this.#warnedOf.has(name) || !isReservedName(name)) continue;
      this.#warnedOf.add(name);
      const text = 'a replica has a name that is reserved for ringpost itself; remove it and add another one';
      this.#options.log.warn({ replica: name }, text);
    }
  }
}
