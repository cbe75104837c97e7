/**
 * The ring: an immutable value that maps every key to one replica.
 * Equal parameters and equal members give an equal ring in every process, whatever the order of the members.
 */

/** What decides, beside the members, where keys go. Stored in Redis with the ring; all gateways must agree. */
export type RingParameters =
  | { readonly strategy: 'murmur3'; readonly virtualNodes: number }
  | {
      readonly strategy: 'assignment';
      readonly slots: number;
      readonly virtualNodes: number;
      readonly probing: 'linear' | 'quadratic';
    };

/** One replica's place on the ring. */
export interface RingMember {
  /** The replica's name; cannot hold `#`. */
  readonly name: string;
  /** The joining number: 1 for the first replica that ever joined, never given twice. */
  readonly joined: number;
  /** Share of keys relative to the others; a positive integer, 1 unless told otherwise. */
  readonly weight: number;
  /** Its place in `/rep`, by the joining number of the replica that had it first; unset: its own. */
  readonly place?: number;
  /** The dead replica that it was put in the place of; unset: it has replaced none. */
  readonly replaces?: string;
  /** The slots this member took when it joined (`assignment` only), one for each virtual node in order. */
  readonly slots?: readonly number[];
}

/** Why a key belongs to its owner. */
export interface Explanation {
  readonly key: string;
  /** The key's own position: a 32-bit hash (`murmur3`) or a slot (`assignment`). */
  readonly position: number;
  readonly owner: string;
  /** The virtual node that owns the key. */
  readonly virtualNode: { readonly name: string; readonly index: number; readonly position: number };
  /** All replicas in the order in which they would own the key if those before them left; the owner is first. */
  readonly successors: readonly string[];
}

export interface Ring {
  readonly parameters: RingParameters;
  /** In order of joining. */
  readonly members: readonly RingMember[];
  /** The replica that owns `key`, or undefined on an empty ring. O(log virtual nodes), `assignment` O(1). */
  owner(key: string): string | undefined;
  /** The owner and then each other replica once, clockwise from the key; empty on an empty ring. */
  successors(key: string): Iterable<string>;
  /** @returns why `key` belongs to its owner; undefined on an empty ring. */
  explain(key: string): Explanation | undefined;
}
