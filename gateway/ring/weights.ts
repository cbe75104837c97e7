import { Problem } from '#shared/contract/errors.ts';
import type { RingMember, RingParameters } from '#shared/ring/ring.ts';
import { maxWeight } from '#shared/contract/max-weight.ts';
import type { RingState } from '#shared/store/ring/ring-store.ts';
import { checkDesired } from './replica-holds.ts';

/** The weights of replicas, by name. A replica that is not named has the weight 1. */
export type Weights = ReadonlyMap<string, number>;

/** @returns what is wrong with a weight; undefined if it is one. */
export function weightFault(weight: unknown): string | undefined {
  const isWeight =
    typeof weight === 'number' && Number.isSafeInteger(weight) && weight >= 1 && weight <= maxWeight;
  return isWeight ? undefined : `must be an integer from 1 to ${maxWeight}`;
}

/** @returns why a ring cannot have these weights; undefined if it can. */
export function ringFault({ strategy }: RingParameters, weights: Iterable<number>): string | undefined {
  if (strategy !== 'assignment' || [...weights].every((weight) => weight === 1)) return undefined;
  return 'with RING=assignment each replica has the weight 1, because the shares of that ring are exact';
}

/**
 * Plans another weight of a replica. Pure.
 * @returns the replica's place with that weight; undefined if it has that weight already.
 * @throws {Problem} if there is no such replica, or if it cannot have that weight.
 */
export function planWeight(
  state: RingState,
  name: string,
  weight: unknown,
  parameters: RingParameters,
): RingMember | undefined {
  const fault = weightFault(weight);
  if (fault !== undefined || typeof weight !== 'number')
    throw new Problem('request_malformed', `The weight of a replica ${fault}.`);
  checkDesired(state, name);
  const refused = ringFault(parameters, [weight]);
  if (refused !== undefined)
    throw new Problem('conflict', `${name} cannot have the weight ${weight}: ${refused}.`);
  const member = state.desired.find((each) => each.name === name);
  return member === undefined || member.weight === weight ? undefined : { ...member, weight };
}
