import { isOut } from '#shared/contract/ejection.ts';
import { Problem } from '#shared/contract/errors.ts';
import { fitting } from '#shared/ring/fitting.ts';
import type { Ring, RingParameters } from '#shared/ring/ring.ts';
import { withShares } from '#shared/ring/slow-start.ts';
import { createRing } from '#shared/ring/strategies.ts';
import type { RingState } from '#shared/store/ring/ring-store.ts';
import { AdminError, parseReplicaChange, planAdd, planRemove } from './replica-changes.ts';
import type { AddLimits } from './replica-changes.ts';
import { planDrain } from './replica-holds.ts';
import { planWeight } from './weights.ts';
import type { Weights } from './weights.ts';

/** Names of replicas to add, to remove and to drain; `*` is a new one whose name ringpost chooses. */
export interface AskedChange {
  /** A name may be followed by a weight, e.g. `S4:2`. */
  readonly add: readonly string[];
  /** Replicas and their new weights, e.g. `S2:3`. */
  readonly weight: readonly string[];
  readonly rm: readonly string[];
  readonly drain: readonly string[];
}

/** A change that could be made, with the ring before and after it. */
export interface Preview extends Omit<AskedChange, 'weight'> {
  /** The weights that the change gives to replicas. */
  readonly weights: Weights;
  readonly before: Ring;
  readonly after: Ring;
}

/** A change of more replicas than that is not planned. */
const maxNames = 1000;

/**
 * Plans a change without making it: first it adds, then it changes weights, removes and drains. Pure. Added
 * replicas count as ready, with all of their weight.
 * @returns the change; new replicas whose names would be chosen are called `new-1` and so on.
 * @throws {Problem} `request_malformed` if `/add`, `/rm` or a drain would refuse it, or if it is none.
 */
export function previewChange(state: RingState, asked: AskedChange, limits: AddLimits): Preview {
  const count = asked.add.length + asked.weight.length + asked.rm.length + asked.drain.length;
  if (count === 0)
    throw malformed('Name replicas in add, weight, rm or drain, e.g. ?add=S4&rm=S2; add=* is a new name.');
  if (count > maxNames) throw malformed(`A plan is for ${maxNames} replicas at most, not for ${count}.`);
  try {
    const added = addedTo(state, asked.add, limits);
    const reweighed = asked.weight.flatMap((text) => {
      const { name, weight } = weighed(text);
      return planWeight(state, name, weight, limits.parameters) ?? [];
    });
    const rm = removedFrom(state, asked.rm);
    const members = new Map([...state.desired, ...reweighed, ...added].map((each) => [each.name, each]));
    const desired = [...members.values()].filter(({ name }) => !rm.includes(name));
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
    const heavier = added.filter(({ weight }) => weight !== 1);
    const weights = new Map([...heavier, ...reweighed].map(({ name, weight }) => [name, weight]));
    return { add: added.map(({ name }) => name), weights, rm, drain, before, after };
  } catch (error) {
    if (error instanceof AdminError || error instanceof Problem) throw malformed(error.message);
    throw error;
  }
}

function addedTo(state: RingState, add: readonly string[], limits: AddLimits): RingState['desired'] {
  if (add.length === 0) return [];
  const asked = add.filter((text) => text !== '*').map(weighed);
  const weights = Object.fromEntries(
    asked.flatMap(({ name, weight }) => (weight === undefined ? [] : [[name, weight]])),
  );
  const hostnames = asked.map(({ name }) => name);
  const change = parseReplicaChange({ n: add.length, hostnames, weights }, 'newly added');
  let made = 0;
  return planAdd(state, change, limits, () => `new-${(made += 1)}`).add;
}

/** @returns a replica and the weight after it, e.g. `S4:2`. A weight that is no number is text. */
function weighed(text: string): { readonly name: string; readonly weight?: number | string } {
  const colon = text.indexOf(':');
  if (colon < 0) return { name: text };
  const weight = text.slice(colon + 1);
  return { name: text.slice(0, colon), weight: /^\d{1,4}$/.test(weight) ? Number(weight) : weight };
}

function removedFrom(state: RingState, rm: readonly string[]): readonly string[] {
  if (rm.length === 0) return [];
  const change = parseReplicaChange({ n: rm.length, hostnames: rm }, 'removable');
  return planRemove(state, change, () => 0).remove;
}

function ringOf(
  parameters: RingParameters,
  { desired, ring, drained, slowStarts, ejections }: RingState,
): Ring {
  const isEjected = (name: string): boolean => isOut(ejections.get(name));
  const mayServe = desired.filter(({ name }) => !drained.has(name));
  const serving = mayServe.filter(({ name }) => ring.has(name) && !isEjected(name));
  // If no other replica serves, ejections end.
  const members = serving.length > 0 ? serving : mayServe.filter(({ name }) => isEjected(name));
  return createRing(parameters, fitting(parameters, withShares(members, slowStarts)).members);
}

function malformed(detail: string): Problem {
  return new Problem('request_malformed', detail);
}
