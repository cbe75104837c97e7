import { isDeepStrictEqual } from 'node:util';
import { isReservedName } from '#shared/contract/reserved-names.ts';
import { startStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { fitting } from '#shared/ring/fitting.ts';
import type { Ring, RingParameters } from '#shared/ring/ring.ts';
import { withShares } from '#shared/ring/slow-start.ts';
import { createRing } from '#shared/ring/strategies.ts';
import { ringPollMs, ringStaleMs } from '#shared/settings/common.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { GatewayNotices } from '#shared/store/ring/gateway-notices.ts';
import type { RingState, RingStore } from '#shared/store/ring/ring-store.ts';

export interface RingWatcherOptions {
  readonly store: RingStore;
  readonly notices: GatewayNotices;
  /** The connection that the store uses. */
  readonly connection: Connection;
  readonly parameters: RingParameters;
  /** Confirms against Redis what has to be confirmed together with the ring; rejects if it cannot. */
  readonly alsoConfirm: () => Promise<void>;
  readonly log: Logger;
}

/** No state has this mark. */
const unknownMark = 'unknown';
/**
 * The ring is read as a whole after this time, in ms, even if its mark says that it is as it was: a ring that
 * was lost and made again may have the same mark.
 */
const wholeReadMs = 5000;

const unknownState: RingState = {
  version: -2,
  joined: 0,
  desired: [],
  ring: new Map(),
  retired: new Map(),
  settings: new Map(),
  upstreams: [],
  positions: new Map(),
  drained: new Map(),
  restarts: new Map(),
  slowStarts: new Map(),
  ejections: new Map(),
};

/** Keeps the ring in memory up to date: messages tell of changes, and a poll finds what was missed. */
export class RingWatcher {
  readonly #options: RingWatcherOptions;
  readonly #listeners = new Set<() => void>();
  readonly #life = startStop(
    () => this.#start(),
    () => this.#stop(),
  );
  #state: RingState = unknownState;
  #ring: Ring;
  #confirmed = Number.NEGATIVE_INFINITY;
  /** Stands for the state in Redis that was read last. */
  #mark = unknownMark;
  #readAt = Number.NEGATIVE_INFINITY;
  /** Whether this may be another Redis than the one that was read last. */
  #doubted = false;
  #timer: NodeJS.Timeout | undefined;
  #refreshing: Promise<void> | undefined;
  #again = false;
  #losses = 0;
  readonly #warnedOf = new Set<string>();
  #served: ReadonlySet<string> = new Set();
  #stopped = false;

  constructor(options: RingWatcherOptions) {
    this.#options = options;
    this.#ring = createRing(options.parameters, []);
    options.connection.onReady(() => {
      this.#doubted = true;
      this.wake();
    });
    options.notices.onNotice(() => this.wake());
  }

  /** Starts to watch; resolves when the ring was read once. */
  start(): Promise<void> {
    return this.#life.start();
  }

  /** Stops watching. The connections stay open. */
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

  /** @returns the names of all replicas: the desired ones, then those that finish what they hold. */
  names(): string[] {
    return [...new Set([...this.#state.desired.map(({ name }) => name), ...this.#state.retired.keys()])];
  }

  /** Whether the ring was last confirmed so long ago that it must no longer be used. */
  get stale(): boolean {
    return performance.now() - this.#confirmed > ringStaleMs;
  }

  /** Whether a replica's queue is served, or will be. Until the ring is read, this is true of all. */
  isServed(replica: string): boolean {
    return this.#state.version < 0 || this.#served.has(replica);
  }

  /** How often Redis has lost the ring. */
  get losses(): number {
    return this.#losses;
  }

  /**
   * Calls `listener` after each change of the ring.
   * @returns a function that ends the calls.
   */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads the ring now. Calls while a read is in progress share one more read. */
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

  /** @returns true once `holds` returns true for the state, false if that takes longer than `timeoutMs`. */
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

  /** Reads the ring soon. If that fails, the next poll makes up for it. */
  wake(): void {
    this.refresh().catch((error: unknown) => {
      if (!this.#stopped) this.#options.log.debug({ err: error }, 'the ring could not be confirmed');
    });
  }

  async #start(): Promise<void> {
    await this.#options.notices.subscribe();
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
      // If this read fails, the next one still is of the whole ring.
      if (this.#doubted || asked - this.#readAt >= wholeReadMs) this.#mark = unknownMark;
      this.#doubted = false;
      const { store, alsoConfirm } = this.#options;
      const [{ state, mark }] = await Promise.all([store.readUnless(this.#mark), alsoConfirm()]);
      // A ring that was lost and made again may have reached the old version.
      if (state !== undefined && !isDeepStrictEqual(state, this.#state)) this.#update(state);
      if (state !== undefined) this.#readAt = asked;
      this.#mark = mark ?? unknownMark;
      this.#confirmed = asked;
    } while (this.#again && !this.#stopped);
  }

  #update(state: RingState): void {
    const { parameters, log } = this.#options;
    const lost = this.#isLoss(state);
    if (lost) {
      const replicas = this.#state.desired.map(({ name }) => name);
      log.warn({ replicas, version: state.version }, 'Redis has lost the ring and its queues');
      this.#losses += 1;
    }
    this.#warnOfReserved(state);
    const inRing = state.desired.filter(({ name }) => state.ring.has(name));
    // A replica whose place is taken is left out until the controller has given it another place.
    const { members } = fitting(parameters, withShares(inRing, state.slowStarts));
    const before = this.#state.version < 0 ? undefined : this.#ring.members;
    this.#state = state;
    this.#served = new Set(this.names());
    this.#ring = createRing(parameters, members);
    if (state.version >= 0 && !isDeepStrictEqual(this.#ring.members, before)) {
      const fields = { version: state.version, ring: members.map(({ name }) => name) };
      log.info(fields, before === undefined ? 'read the ring' : 'the ring changed');
    }
    for (const listener of this.#listeners) listener();
    if (lost) this.#claimAgain();
  }

  /** Whether Redis has lost the ring: otherwise each change of what is desired raises the version. */
  #isLoss(state: RingState): boolean {
    const { version, desired } = this.#state;
    if (version < 0) return false;
    return (
      state.version < version || (state.version === version && !isDeepStrictEqual(state.desired, desired))
    );
  }

  /** Redis has lost the parameters of the ring too, and another gateway may have set other ones since. */
  #claimAgain(): void {
    const { store, parameters, log } = this.#options;
    store
      .claimParameters(parameters)
      .catch((error: unknown) => log.error({ err: error }, 'the ring is no longer ours'));
  }

  /** `/add` refuses such a name today; an older version may have accepted it. */
  #warnOfReserved({ desired }: RingState): void {
    for (const { name } of desired) {
      if (this.#warnedOf.has(name) || !isReservedName(name)) continue;
      this.#warnedOf.add(name);
      const text = 'a replica has a name that is reserved for ringpost itself; remove it and add another one';
      this.#options.log.warn({ replica: name }, text);
    }
  }
}
