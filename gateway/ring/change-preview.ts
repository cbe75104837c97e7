import { isOut } from '#shared/contract/ejection.ts';
import { Problem } from '#shared/contract/errors.ts';
import { fitting } from '#shared/ring/fitting.ts';
import type { Ring, RingParameters } from '#shared/ring/ring.ts';
import { createRing } from '#shared/ring/strategies.ts';
import type { RingState } from '#shared/store/ring/ring-store.ts';
import { AdminError, parseReplicaChange, planAdd, planRemove } from './replica-changes.ts';
import type { AddLimits } from './replica-changes.ts';
import { planDrain } from './replica-holds.ts';

/** Names of replicas to add, to remove and to drain; `*` is a new one whose name ringpost chooses. */
export interface AskedChange {
  readonly add: readonly string[];
  readonly rm: readonly string[];
  readonly drain: readonly string[];
}

/** A change that could be made, with the ring before and after it. */
export interface Preview extends AskedChange {
  readonly before: Ring;
  readonly after: Ring;
}

/** A change of more replicas than that is not planned. */
const maxNames = 1000;

/**
 * Plans a change without making it: first it adds, then it removes, then it drains. Pure. Added replicas
 * count as ready.
 * @returns the change; new replicas whose names would be chosen are called `new-1` and so on.
 * @throws {Problem} `request_malformed` if `/add`, `/rm` or a drain would refuse it, or if it is none.
 */
export function previewChange(state: RingState, asked: AskedChange, limits: AddLimits): Preview {
  const count = asked.add.length + asked.rm.length + asked.drain.length;
  if (count === 0)
    throw malformed('Name replicas in add, rm or drain, e.g. ?add=S4&rm=S2; add=* is a new name.');
  if (count > maxNames) throw malformed(`A plan is for ${maxNames} replicas at most, not for ${count}.`);
  try {
    const added = addedTo(state, asked.add, limits);
    const rm = removedFrom(state, asked.rm);
    const desired = [...state.desired, ...added].filter(({ name }) => !rm.includes(name));
    const ring = new Map([...state.ring, ...added.map(({ name }) => [name, 0] as const)]);
    const drained = new Map(state.drained);
    const drain = [...new Set(asked.drain)];
    for (const name of drain) {
      planDrain({ ...state, desired, ring, drained }, name, 0);
      drained.set(name, 0);
    }
    const { parameters } = limits;
    const before = ringOf(parameters, state);
    const after = ringOf(parameters, { ...state, desired, ring, drained });
    return { add: added.map(({ name }) => name), rm, drain, before, after };
  } catch (error) {
    if (error instanceof AdminError || error instanceof Problem) throw malformed(error.message);
    throw error;
  }
}

function addedTo(state: RingState, add: readonly string[], limits: AddLimits): RingState['desired'] {
  if (add.length === 0) return [];
  const hostnames = add.filter((name) => name !== '*');
  const change = parseReplicaChange({ n: add.length, hostnames }, 'newly added');
  let made = 0;
  return planAdd(state, change, limits, () => `new-${(made += 1)}`).add;
}

function removedFrom(state: RingState, rm: readonly string[]): readonly string[] {
  if (rm.length === 0) return [];
  const change = parseReplicaChange({ n: rm.length, hostnames: rm }, 'removable');
  return planRemove(state, change, () => 0).remove;
}

function ringOf(
  parameters: RingParameters,
  { desired, ring, drained, ejections }: Pick<RingState, 'desired' | 'ring' | 'drained' | 'ejections'>,
): Ring {
  const isKeptOut = (name: string): boolean => drained.has(name) || isOut(ejections.get(name));
  const members = desired.filter(({ name }) => ring.has(name) && !isKeptOut(name));
  return createRing(parameters, fitting(parameters, members).members);
}

function malformed(detail: string): Problem {
  return new Problem('request_malformed', detail);
}
