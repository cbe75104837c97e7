import { isDeepStrictEqual } from 'node:util';
import type { Logger } from '#shared/process/logger.ts';
import { fitting } from '#shared/ring/fitting.ts';
import type { RingMember, RingParameters } from '#shared/ring/ring.ts';
import type { DesiredChange, RingState, RingStore } from '#shared/store/ring/ring-store.ts';
import { placeAll, seedReplicas } from '../ring/replica-changes.ts';
import { missingPositions } from '../ring/upstream-positions.ts';
import type { DesiredNotes } from './desired-notes.ts';
import type { LeaseGrace } from './lease-grace.ts';

export interface RingRecoveryOptions {
  readonly store: RingStore;
  readonly parameters: RingParameters;
  /** Replicas of a new namespace. */
  readonly replicas: number;
  /** The servers that UPSTREAMS lists. */
  readonly upstreams: readonly string[];
  readonly grace: LeaseGrace;
  readonly notes: DesiredNotes;
  readonly log: Logger;
}

/**
 * Makes the ring usable again: seeds one that is new or lost, writes places anew that cannot be read, and
 * gives replicas the servers of UPSTREAMS that they lack.
 */
export class RingRecovery {
  readonly #options: RingRecoveryOptions;

  constructor(options: RingRecoveryOptions) {
    this.#options = options;
  }

  /** @returns whether the ring was changed, so that it has to be observed again. */
  async recover(state: RingState): Promise<boolean> {
    if (state.version === -1) {
      await this.#seed();
      return true;
    }
    this.#options.notes.note(state);
    const rewritten = await this.#rewritePlaces(state.desired);
    return (await this.#placeOnUpstreams(state)) || rewritten;
  }

  async #seed(): Promise<void> {
    const { store, parameters, replicas, grace, notes, log } = this.#options;
    if (notes.names.length > 0)
      log.warn(
        { replicas: notes.names },
        `Redis has lost the ring, the desired replicas and their queues; made anew from REPLICAS=${replicas}`,
      );
    await seedReplicas(store, parameters, replicas, notes.weights);
    // Live workers have lost their leases too, and are about to renew them.
    grace.begin();
  }

  /**
   * Writes the places of desired replicas anew that cannot be read in Redis, or that collide with those of
   * others. A replica whose place is known keeps it; any other gets a place as a new replica does.
   * @returns whether there were any.
   */
  async #rewritePlaces(desired: readonly RingMember[]): Promise<boolean> {
    const { store, parameters } = this.#options;
    if (store.unreadable.size === 0 && fitting(parameters, desired).misfits.length === 0) return false;
    await store.keepUnreadable();
    await store.changeDesired((state) => this.#newPlaces(state));
    return true;
  }

  /** @returns whether the list of servers, or a position in it, was written. */
  async #placeOnUpstreams(state: RingState): Promise<boolean> {
    const { store, upstreams } = this.#options;
    const listed = isDeepStrictEqual(state.upstreams, upstreams);
    if (!listed) await store.publishUpstreams(upstreams);
    if (this.#newPositions(state).size === 0) return !listed;
    await store.changeDesired((current) => {
      const positions = this.#newPositions(current);
      return positions.size === 0 ? undefined : { add: [], remove: [], positions };
    });
    return true;
  }

  #newPositions(state: RingState): ReadonlyMap<string, number> {
    const { store, upstreams } = this.#options;
    if (upstreams.length === 0) return new Map();
    return new Map([...store.lostPositions, ...missingPositions(state, upstreams.length)]);
  }

  #newPlaces(state: RingState): DesiredChange | undefined {
    const { store, parameters } = this.#options;
    const { members, misfits } = fitting(parameters, state.desired);
    const known = members.filter(({ name }) => store.unreadable.has(name));
    const placed = new Set(members.map(({ name }) => name));
    const unknown = [...store.unreadable.keys()].filter((name) => !placed.has(name));
    const names = [...new Set([...unknown, ...misfits])];
    if (known.length + names.length === 0) return undefined;
    return { add: [...known, ...placeAll({ ...state, desired: members }, names, parameters)], remove: [] };
  }
}
