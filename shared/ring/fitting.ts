import type { RingMember, RingParameters } from './ring.ts';
import { checkMembers } from './validation.ts';

/**
 * @param members in order of joining.
 * @returns the members that can be on one ring together, and the names of the others. Of two members that
 * hold the same slot, the one that joined first stays.
 */
export function fitting(
  parameters: RingParameters,
  members: readonly RingMember[],
): { readonly members: readonly RingMember[]; readonly misfits: readonly string[] } {
  if (fit(parameters, members)) return { members, misfits: [] };
  const kept: RingMember[] = [];
  const misfits: string[] = [];
  for (const member of members) {
    if (fit(parameters, [...kept, member])) kept.push(member);
    else misfits.push(member.name);
  }
  return { members: kept, misfits };
}

function fit(parameters: RingParameters, members: readonly RingMember[]): boolean {
  try {
    checkMembers(parameters, members);
    return true;
  } catch {
    return false;
  }
}
