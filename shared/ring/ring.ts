/**
 * The ring: an immutable value that maps every key to one replica. Equal parameters and equal members give an
 * equal ring in every process, whatever the order of the members.
 */

/** With the members, this decides where keys go. It is stored in Redis; all gateways must agree on it. */
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
  /** The replica's name; it cannot contain `#`. */
  readonly name: string;
  /** The joining number: 1 for the first replica that ever joined. No number is given twice. */
  readonly joined: number;
  /** The share of keys relative to the other replicas: a positive integer, 1 by default. */
  readonly weight: number;
  /** The part of its weight that it has now, above 0 and below 1; unset: all of it. It is not stored here. */
  readonly share?: number;
  /** The joining number of the replica that first had its place in `/rep`; unset if that is itself. */
  readonly place?: number;
  /** The dead replica that it has replaced, if any. */
  readonly replaces?: string;
  /** Set if its worker has made it a replica (`REPLICA_JOIN=auto`): it is one while it has a worker. */
  readonly joinedBy?: 'worker';
  /** The slots this member took when it joined (`assignment` only), one for each virtual node in order. */
  readonly slots?: readonly number[];
}

/** Why a key belongs to its owner. */
export interface Explanation {
  readonly key: string;
  /** The key's own position: a 32-bit hash (`murmur3`) or a slot (`assignment`). */
  readonly position: number;
  readonly owner: string;
  /** The owner's virtual node that the key belongs to. */
  readonly virtualNode: { readonly name: string; readonly index: number; readonly position: number };
  /** The owner, then the replica that would own the key if the owner left, and so on. */
  readonly successors: readonly string[];
}

/** Which replica owns which part of all keys: the space of hashes from 0 to `size`, in segments. */
export interface HashSpace {
  /** How many hashes there are. Keys are spread evenly over them. */
  readonly size: number;
  /** In order. The first begins at 0, each other one at the end of the one before. An empty ring has none. */
  readonly segments: readonly HashSegment[];
}

/** Hashes whose keys have one owner. */
export interface HashSegment {
  readonly owner: string;
  /** The first hash after it. */
  readonly end: number;
}

export interface Ring {
  readonly parameters: RingParameters;
  /** In order of joining. */
  readonly members: readonly RingMember[];
  /**
   * @returns the replica that owns `key`; undefined on an empty ring. O(log virtual nodes); `assignment`:
   * O(1).
   */
  owner(key: string): string | undefined;
  /** @returns the owner, then each other replica once, clockwise from the key. */
  successors(key: string): Iterable<string>;
  /** @returns why `key` belongs to its owner; undefined on an empty ring. */
  explain(key: string): Explanation | undefined;
  /** @returns which replica owns which part of all keys. It is made at the first call. */
  hashSpace(): HashSpace;
}
