import type { KeyLoadsView } from '#shared/contract/ring-view.ts';
import type { Affinity } from '../request/directives.ts';
import { randomKey } from '../request/hash-key.ts';
import type { RingWatcher } from '../ring/ring-watcher.ts';
import { floorOf, walk } from './bounded-load.ts';
import type { Loads } from './loads.ts';
import { loadsView } from './loads-view.ts';

export interface PlacementOptions {
  readonly watcher: Pick<RingWatcher, 'ring'>;
  readonly loads: Loads;
  /** `AFFINITY`, of requests that do not say it. */
  readonly affinity: Affinity;
  /** `LOAD_BOUND`: how many times its fair share of all load a replica may have. */
  readonly bound: number;
  /** @returns a random key. The default is that of the source `random`. */
  readonly random?: () => string;
}

/** What decides where a request goes, besides its key. */
export interface Wanted {
  /** Its own, if it says one. */
  readonly affinity: Affinity | undefined;
  readonly ordered: boolean;
  readonly hasRandomKey: boolean;
}

/** Where a request goes. */
export interface Placed {
  /** Its key, or a new random key that the replica owns. */
  readonly key: string;
  readonly replica: string;
  /** The owner of its key, if that is another replica. */
  readonly spilledFrom: string | undefined;
  /** Whether it may go elsewhere if it is placed again. */
  readonly maySpill: boolean;
}

/** Selects the replica of each request by the ring and the loads. It never waits, and asks Redis nothing. */
export class Placement {
  readonly #options: PlacementOptions;
  readonly #random: () => string;

  constructor(options: PlacementOptions) {
    this.#options = options;
    this.#random = options.random ?? randomKey;
  }

  /** @returns undefined if the ring is empty. */
  place(key: string, { affinity, ordered, hasRandomKey }: Wanted): Placed | undefined {
    if (hasRandomKey) return this.#placeRandom(key);
    const maySpill = !ordered && (affinity ?? this.#options.affinity) === 'loose';
    return this.placeKey(key, maySpill);
  }

  /** Selects a replica for a request that any of them may run. */
  placeAnywhere(): Placed | undefined {
    return this.#placeRandom(this.#random());
  }

  /**
   * Selects the owner of a key, or, if the request may spill and the owner is at its cap, the next replica
   * that is not.
   */
  placeKey(key: string, maySpill: boolean): Placed | undefined {
    const { watcher, loads, bound } = this.#options;
    const { ring } = watcher;
    const owner = ring.owner(key);
    if (owner === undefined) return undefined;
    const toOwner = { key, replica: owner, spilledFrom: undefined, maySpill };
    if (!maySpill) return toOwner;
    const now = performance.now();
    loads.want(now);
    const own = loads.of(owner, now);
    // Most owners have few requests, so the loads of the others do not matter.
    if (own?.hasRoom && own.load < floorOf(own)) return toOwner;
    const { replica = owner } = walk(
      ring.successors(key),
      (name) => loads.of(name, now),
      loads.total(now),
      bound,
    );
    return replica === owner ? toOwner : { key, replica, spilledFrom: owner, maySpill };
  }

  /** @returns how a key's requests go if they may spill; undefined if the ring is empty. */
  async explain(key: string): Promise<KeyLoadsView | undefined> {
    const { watcher, loads, affinity, bound } = this.#options;
    await loads.readAll();
    const now = performance.now();
    const { ring } = watcher;
    const replicas = [...ring.successors(key)].flatMap((name) => loads.of(name, now) ?? []);
    return loadsView(replicas, affinity, bound);
  }

  /**
   * A random key has no affinity: the less loaded of two random replicas gets the request. Both are owners of
   * random keys, so weights count. The shares of an `assignment` ring are exact, so there the key decides.
   * Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001.
   */
  #placeRandom(key: string): Placed | undefined {
    const { watcher, loads } = this.#options;
    const { ring } = watcher;
    const first = ring.owner(key);
    if (first === undefined) return undefined;
    const toFirst = { key, replica: first, spilledFrom: undefined, maySpill: false };
    if (ring.parameters.strategy === 'assignment' || ring.members.length === 1) return toFirst;
    const now = performance.now();
    const one = loads.relative(first, now);
    // An unknown load counts as equal, so that such a replica is tried, and its load known again.
    if (one === undefined || one === 0) return toFirst;
    const other = this.#random();
    const second = ring.owner(other) ?? first;
    const two = loads.relative(second, now);
    return two !== undefined && two < one
      ? { key: other, replica: second, spilledFrom: undefined, maySpill: false }
      : toFirst;
  }
}
