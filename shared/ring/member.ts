import { isCount, parseObject } from '../contract/json-object.ts';
import { isReplicaName } from '../contract/replica-name.ts';
import type { RingMember } from './ring.ts';
import { checkMember } from './validation.ts';

/**
 * @param name the field that holds the text.
 * @returns the member that the text encodes as JSON; undefined for any other text, or a member of another
 * name.
 */
export function parseMember(name: string, text: string): RingMember | undefined {
  const member = parseObject(text);
  if (member === undefined) return undefined;
  const { joined, weight, slots, place, replaces, joinedBy } = member;
  if (member['name'] !== name || !isCount(joined) || !isCount(weight)) return undefined;
  if (slots !== undefined && !(Array.isArray(slots) && slots.every(isCount))) return undefined;
  const read: RingMember = {
    name,
    joined,
    weight,
    // These two are only shown, so a value that cannot be read is left out.
    ...(isCount(place) ? { place } : {}),
    ...(typeof replaces === 'string' && isReplicaName(replaces) ? { replaces } : {}),
    ...(joinedBy === 'worker' ? { joinedBy } : {}),
    ...(slots === undefined ? {} : { slots }),
  };
  try {
    checkMember(read);
    return read;
  } catch {
    return undefined;
  }
}

/** @returns the number that orders replicas in `/rep`. A replacement has the place of the dead replica. */
export function placeOf({ joined, place }: RingMember): number {
  return place ?? joined;
}
