import type { Explanation, HashSpace, Ring, RingMember, RingParameters } from './ring.ts';

/** One point of a replica on the ring. */
export type VirtualNode = Explanation['virtualNode'];

/** How a strategy finds virtual nodes. The rest of a ring is the same for all strategies. */
export interface Orientation {
  /** @returns the position of `key` on the ring */
  readonly positionOf: (key: string) => number;
  /**
   * @returns the rank of the first virtual node at or after `position`, wrapping; any number on an empty ring
   */
  readonly firstFrom: (position: number) => number;
  /** @returns the hashes of keys in segments with one owner each. */
  readonly hashSpace: () => HashSpace;
}

/**
 * All virtual nodes in clockwise order. The index of a node in that order is its rank. These are parallel
 * arrays, so that a lookup reads adjacent memory.
 */
export interface Circle {
  /** Rank -> position; ascending. */
  readonly positions: Uint32Array;
  /** Rank -> name of the replica. */
  readonly names: readonly string[];
  /** Rank -> index of the node among the replica's virtual nodes. */
  readonly indices: Uint32Array;
}

/** Sorts virtual nodes clockwise. Name and index break ties, so that the order given never matters. */
export function circleOf(virtualNodes: readonly VirtualNode[]): Circle {
  const ranked = virtualNodes.toSorted(
    (a, b) => a.position - b.position || byCodeUnits(a.name, b.name) || a.index - b.index,
  );
  return {
    positions: Uint32Array.from(ranked, (node) => node.position),
    names: ranked.map((node) => node.name),
    indices: Uint32Array.from(ranked, (node) => node.index),
  };
}

/** Compares by code units, which is the same in every process; collation may differ between machines. */
export function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Makes the frozen ring from its virtual nodes and the strategy's way to find them. Every member must have at
 * least one virtual node.
 */
export function clockwiseRing(
  parameters: RingParameters,
  members: readonly RingMember[],
  circle: Circle,
  { positionOf, firstFrom, hashSpace }: Orientation,
): Ring {
  const { names, positions, indices } = circle;
  let space: HashSpace | undefined;

  function* successors(key: string): Generator<string, void, undefined> {
    const first = firstFrom(positionOf(key));
    const seen = new Set<string>();
    for (let step = 0; seen.size < members.length; step++) {
      const name = names[(first + step) % names.length]!; // a rank below names.length
      if (seen.has(name)) continue;
      seen.add(name);
      yield name;
    }
  }

  function explain(key: string): Explanation | undefined {
    const position = positionOf(key);
    const rank = firstFrom(position);
    const name = names[rank];
    if (name === undefined) return undefined;
    // The arrays are parallel: a rank with a name has an index and a position.
    const virtualNode = { name, index: indices[rank]!, position: positions[rank]! };
    return { key, position, owner: name, virtualNode, successors: [...successors(key)] };
  }

  return Object.freeze({
    parameters,
    members,
    owner: (key: string) => names[firstFrom(positionOf(key))],
    successors,
    explain,
    hashSpace: () => (space ??= hashSpace()),
  });
}
