import { isCount, parseObject } from '../json-object.ts';
import type { RingMember } from './ring.ts';
import { checkMember } from './validation.ts';

/**
 * @param name under which the text is kept.
 * @returns the member that the text is as JSON; undefined for any other text, also for the member of another name.
 */
export function parseMember(name: string, text: string): RingMember | undefined {
  const member = parseObject(text);
  if (member === undefined) return undefined;
  const { joined, weight, slots } = member;
  if (member['name'] !== name || !isCount(joined) || !isCount(weight)) return undefined;
  if (slots !== undefined && !(Array.isArray(slots) && slots.every(isCount))) return undefined;
  const read: RingMember = { name, joined, weight, ...(slots === undefined ? {} : { slots }) };
  try {
    checkMember(read);
    return read;
  } catch {
    return undefined;
  }
}
