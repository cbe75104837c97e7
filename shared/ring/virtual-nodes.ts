import { byCodeUnits, circleOf } from './clockwise.ts';
import type { Circle } from './clockwise.ts';
import { hashKey } from './key-hash.ts';

/** A member of a ring with its number of virtual nodes. */
export interface NodeCount {
  readonly name: string;
  readonly nodes: number;
}

/** Numbers of virtual nodes below this one and a position of 32 bits fit together in a double, exactly. */
const packedNodes = 2 ** 21;
/** More names than a ring has; after that many, the positions are computed anew. */
const maxNames = 16_384;
const computed = new Map<string, Uint32Array>();

/**
 * @returns the positions of the first virtual nodes of a member. They depend on the name alone, so they are
 * kept: a change of the ring computes those of the new member only.
 */
function positionsOf({ name, nodes }: NodeCount): Uint32Array {
  const known = computed.get(name);
  if (known !== undefined && known.length >= nodes) return known.subarray(0, nodes);
  const positions = new Uint32Array(nodes);
  positions.set(known ?? []);
  // Unambiguous: a name cannot contain `#`, so no two pairs of name and index give the same text.
  for (let at = known?.length ?? 0; at < nodes; at += 1) positions[at] = hashKey(`${name}#${at}`);
  if (computed.size >= maxNames) computed.clear();
  computed.set(name, positions);
  return positions;
}

/**
 * Makes the same circle as `circleOf`. With a thousand replicas it is many times as fast: it sorts numbers
 * that consist of a position and of the place of the node among all nodes, by name and index.
 * @param members each with another name.
 * @param most of more nodes than this, the circle is made from objects.
 */
export function circleOfMembers(members: readonly NodeCount[], most = packedNodes): Circle {
  const ordered = members.toSorted((a, b) => byCodeUnits(a.name, b.name));
  const count = ordered.reduce((sum, { nodes }) => sum + nodes, 0);
  if (count > most) return circleOfObjects(ordered);
  const sorted = new Float64Array(count);
  const owners = new Uint32Array(count);
  const firsts: number[] = [];
  let next = 0;
  for (const [owner, member] of ordered.entries()) {
    firsts.push(next);
    for (const position of positionsOf(member)) {
      sorted[next] = position * packedNodes + next;
      owners[next] = owner;
      next += 1;
    }
  }
  sorted.sort();
  const positions = new Uint32Array(count);
  const indices = new Uint32Array(count);
  const names: string[] = [];
  for (let rank = 0; rank < count; rank += 1) {
    const node = sorted[rank]! % packedNodes; // all ranks are below the length of the arrays
    const owner = owners[node]!;
    positions[rank] = (sorted[rank]! - node) / packedNodes;
    indices[rank] = node - firsts[owner]!;
    names.push(ordered[owner]!.name);
  }
  return { positions, names, indices };
}

function circleOfObjects(members: readonly NodeCount[]): Circle {
  return circleOf(
    members.flatMap((member) =>
      Array.from(positionsOf(member), (position, index) => ({ name: member.name, index, position })),
    ),
  );
}
