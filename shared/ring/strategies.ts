import { assignmentRing, takeSlots } from './assignment.ts';
import type { AssignmentParameters } from './assignment.ts';
import { byCodeUnits } from './clockwise.ts';
import { murmur3Ring } from './murmur3.ts';
import type { Ring, RingMember, RingParameters } from './ring.ts';
import { checkMember, checkMembers, checkParameters } from './validation.ts';

/** Values in place of the defaults. Those that the strategy does not have are ignored. */
export interface RingOverrides {
  readonly slots?: number | undefined;
  readonly virtualNodes?: number | undefined;
  readonly probing?: AssignmentParameters['probing'] | undefined;
}

/** The ring has no room for a newcomer. */
export class RingFullError extends Error {
  override readonly name = 'RingFullError';
  /** How many replicas the ring has. */
  readonly held: number;

  constructor(
    { slots, virtualNodes }: AssignmentParameters,
    members: readonly RingMember[],
    newcomer: RingMember,
  ) {
    const free = members.reduce((left, member) => left - (member.slots?.length ?? 0), slots);
    super(
      `The ring is full: it holds ${members.length} replicas, and ${newcomer.name} needs ` +
        `${virtualNodes * newcomer.weight} slots where ${free} of ${slots} are free`,
    );
    this.held = members.length;
  }
}

/** @throws TypeError if an override is out of range */
export function defaultParameters(
  strategy: RingParameters['strategy'],
  { slots = 512, virtualNodes, probing = 'linear' }: RingOverrides = {},
): RingParameters {
  const parameters: RingParameters =
    strategy === 'murmur3'
      ? { strategy, virtualNodes: virtualNodes ?? 160 }
      : { strategy, slots, virtualNodes: virtualNodes ?? 9, probing };
  checkParameters(parameters);
  return parameters;
}

/**
 * Makes the ring of `members`, in any order. The ring is deeply frozen.
 *
 * @throws TypeError if parameters are out of range, two members share a name or a slot, or an `assignment`
 * member has no slots, which {@link placeMember} gives it
 */
export function createRing(parameters: RingParameters, members: readonly RingMember[]): Ring {
  checkParameters(parameters);
  checkMembers(parameters, members);
  const ordered = Object.freeze(
    members.toSorted((a, b) => a.joined - b.joined || byCodeUnits(a.name, b.name)).map(frozenCopy),
  );
  return parameters.strategy === 'murmur3'
    ? murmur3Ring(Object.freeze({ ...parameters }), ordered)
    : assignmentRing(Object.freeze({ ...parameters }), ordered);
}

function frozenCopy(member: RingMember): RingMember {
  if (member.slots === undefined) return Object.freeze({ ...member });
  return Object.freeze({ ...member, slots: Object.freeze([...member.slots]) });
}

/**
 * Gives a newcomer its place among `members`, none of which moves. On an `assignment` ring it takes its
 * slots here and keeps them. So they depend on the members at this time, and not on members that leave later.
 *
 * @throws RingFullError if there is no room; TypeError if its name is taken or a value is out of range
 */
export function placeMember(
  parameters: RingParameters,
  members: readonly RingMember[],
  newcomer: Readonly<{ name: string; joined: number; weight: number }>,
): RingMember {
  const { name, joined, weight } = newcomer;
  checkMember(newcomer);
  if (members.some((member) => member.name === name)) throw new TypeError(`two replicas are named ${name}`);
  if (parameters.strategy === 'murmur3') return { name, joined, weight };
  const slots = takeSlots(parameters, members, joined, weight);
  if (slots === undefined) throw new RingFullError(parameters, members, newcomer);
  return { name, joined, weight, slots };
}

/** @returns how many replicas of weight 1 the ring can hold; Infinity if nothing limits it */
export function capacity(parameters: RingParameters): number {
  return parameters.strategy === 'murmur3'
    ? Number.POSITIVE_INFINITY
    : Math.floor(parameters.slots / parameters.virtualNodes);
}

/**
 * @returns one phrase for each parameter that differs, such as `strategy: murmur3 here, assignment in Redis`
 */
export function differingParameters(ours: RingParameters, theirs: RingParameters): string[] {
  // The numbers of different strategies cannot be compared.
  if (ours.strategy !== theirs.strategy) return phrase('strategy', ours.strategy, theirs.strategy);
  const virtualNodes = phrase('virtualNodes', ours.virtualNodes, theirs.virtualNodes);
  if (ours.strategy !== 'assignment' || theirs.strategy !== 'assignment') return virtualNodes;
  return [
    ...phrase('slots', ours.slots, theirs.slots),
    ...virtualNodes,
    ...phrase('probing', ours.probing, theirs.probing),
  ];
}

function phrase(what: string, here: string | number, there: string | number): string[] {
  return here === there ? [] : [`${what}: ${here} here, ${there} in Redis`];
}
