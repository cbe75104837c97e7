import type { RingMember, RingParameters } from './ring.ts';

/** With at most 2^16 slots, the squares of slot numbers are exact and the table of slots is small. */
const maxSlots = 65_536;

/** @throws TypeError if no ring can be made with `parameters` */
export function checkParameters(parameters: RingParameters): void {
  requirePositiveInteger('virtualNodes', parameters.virtualNodes);
  if (parameters.strategy !== 'assignment') return;
  const { slots, virtualNodes, probing } = parameters;
  requirePositiveInteger('slots', slots);
  if (slots > maxSlots) throw new TypeError(`slots must be at most ${maxSlots}, not ${slots}`);
  if (virtualNodes > slots) throw new TypeError(`${virtualNodes} virtual nodes do not fit in ${slots} slots`);
  if (probing === 'quadratic' && !Number.isInteger(Math.log2(slots))) {
    throw new TypeError(`quadratic probing visits every slot only of a power of two, not of ${slots}`);
  }
}

/** @throws TypeError if `members` cannot be on one ring: because of names, numbers, weights or slots */
export function checkMembers(parameters: RingParameters, members: readonly RingMember[]): void {
  const names = new Set<string>();
  const holders = new Map<number, string>();
  for (const member of members) {
    if (names.has(member.name)) throw new TypeError(`two replicas are named ${member.name}`);
    names.add(member.name);
    checkMember(member);
    if (parameters.strategy !== 'assignment') continue;
    for (const slot of slotsOf(member, parameters.virtualNodes * member.weight)) {
      if (!Number.isInteger(slot) || slot < 0 || slot >= parameters.slots) {
        throw new TypeError(`${member.name} holds slot ${slot}, of ${parameters.slots}`);
      }
      const holder = holders.get(slot);
      if (holder !== undefined) throw new TypeError(`${holder} and ${member.name} both hold slot ${slot}`);
      holders.set(slot, member.name);
    }
  }
}

/** @throws TypeError if the name, the joining number or the weight of a member is not valid */
export function checkMember({ name, joined, weight }: RingMember): void {
  if (name === '' || name.includes('#')) {
    throw new TypeError(`a replica's name is not empty and holds no '#': '${name}'`);
  }
  requirePositiveInteger(`the joining number of ${name}`, joined);
  requirePositiveInteger(`the weight of ${name}`, weight);
}

function slotsOf({ name, slots }: RingMember, expected: number): readonly number[] {
  if (slots === undefined) throw new TypeError(`${name} has no slots; placeMember gives them`);
  if (slots.length !== expected) throw new TypeError(`${name} has ${slots.length} slots, not ${expected}`);
  return slots;
}

function requirePositiveInteger(what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new TypeError(`${what} must be a positive integer, not ${value}`);
  }
}
