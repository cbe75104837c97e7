import { circleOf, clockwiseRing } from './clockwise.ts';
import { hashKey } from './key-hash.ts';
import type { Ring, RingMember, RingParameters } from './ring.ts';

export type AssignmentParameters = Extract<RingParameters, { strategy: 'assignment' }>;

/**
 * The classic ring of numbered slots. Each member occupies some slots, and a request belongs to the first
 * occupied slot at or after its own. docs/ring.md has the formulas.
 *
 * @param members checked, frozen, in order of joining; each with its slots
 */
export function assignmentRing(parameters: AssignmentParameters, members: readonly RingMember[]): Ring {
  const circle = circleOf(
    members.flatMap(({ name, slots = [] }) => slots.map((position, index) => ({ name, index, position }))),
  );
  const ranks = ranksBySlot(parameters.slots, circle.positions);
  return clockwiseRing(parameters, members, circle, {
    positionOf: (key) => requestSlot(parameters.slots, key),
    firstFrom: (slot) => ranks[slot]!, // requestSlot gives a number below slots
    hashSpace: () => ({
      size: parameters.slots,
      segments: Array.from({ length: members.length === 0 ? 0 : parameters.slots }, (_, i) => ({
        owner: circle.names[ranks[slotOf(parameters.slots, i)]!]!, // each member has slots, so there is one
        end: i + 1,
      })),
    }),
  });
}

/** @returns slot -> rank of the first occupied slot at or after it, so that an owner is found in O(1) */
function ranksBySlot(slots: number, occupied: Uint32Array): Uint32Array {
  const ranks = new Uint32Array(slots); // the slots past the last occupied one wrap to rank 0
  let slot = 0;
  for (const [rank, end] of occupied.entries()) {
    ranks.fill(rank, slot, end + 1);
    slot = end + 1;
  }
  return ranks;
}

/**
 * @returns the slot of a request: H(i) = i² + 2i + 17 mod slots. If the key has only decimal digits, `i` is
 * that number, of any length; else `i` is the key's MurmurHash3.
 */
function requestSlot(slots: number, key: string): number {
  return slotOf(slots, decimalRemainder(key, slots) ?? hashKey(key) % slots);
}

/** Many slots are no key's: `i` is spread evenly, but its square is not. */
function slotOf(slots: number, i: number): number {
  return (i * i + 2 * i + 17) % slots;
}

/**
 * @returns the decimal number `text` modulo `divisor`, or undefined if `text` is not one or more ASCII digits
 */
function decimalRemainder(text: string, divisor: number): number | undefined {
  if (text === '') return undefined;
  let remainder = 0;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48; // '0'
    if (digit < 0 || digit > 9) return undefined;
    remainder = (remainder * 10 + digit) % divisor;
  }
  return remainder;
}

/**
 * Chooses the slots of a new member: Φ(i,j) = i² + j² + 2j + 25 mod slots. Here i is the joining number, and
 * j = 0 … virtualNodes * weight - 1. An occupied slot is probed past linearly (+1) or quadratically by
 * triangular steps, t(t+1)/2. Unlike plain squares, these visit every slot of a table whose size is a power
 * of two (Knuth, TAOCP vol. 3, section 6.4, exercise 20).
 *
 * @returns one slot for each virtual node in order, or undefined if there is no room for all of them
 */
export function takeSlots(
  parameters: AssignmentParameters,
  members: readonly RingMember[],
  joined: number,
  weight: number,
): readonly number[] | undefined {
  const { slots, virtualNodes, probing } = parameters;
  const occupied = new Set(members.flatMap((member) => member.slots ?? []));
  const wanted = virtualNodes * weight;
  if (wanted > slots - occupied.size) return undefined;

  const i = joined % slots; // before squaring, to stay exact
  const taken: number[] = [];
  for (let j = 0; j < wanted; j++) {
    let slot = (i * i + j * j + 2 * j + 25) % slots;
    for (let t = 1; occupied.has(slot); t++) {
      // Steps of 1, 2, 3 … add up to the triangular numbers. It ends: a slot is free, and all are visited.
      slot = (slot + (probing === 'linear' ? 1 : t)) % slots;
    }
    occupied.add(slot);
    taken.push(slot);
  }
  return taken;
}
