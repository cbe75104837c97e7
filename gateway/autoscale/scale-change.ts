import type { DesiredChange, RingState } from '#shared/store/ring/ring-store.ts';
import { AdminError, planAdd, planRemove } from '../ring/replica-changes.ts';
import type { AddLimits } from '../ring/replica-changes.ts';
import type { Decision, Standing } from './rule.ts';

/** A change of the desired replicas, or why there can be none. */
export type ScaleChange =
  | { readonly change: DesiredChange; readonly names: readonly string[] }
  | { readonly refusal: string };

/**
 * Turns a decision into a change. If there is no room for all replicas that are to be added, as many
 * are added as there is room for.
 */
export function scaleChange(
  state: RingState,
  { kind, by }: Decision,
  { last }: Pick<Standing, 'last'>,
  limits: AddLimits,
): ScaleChange {
  if (kind === 'down') {
    const names = last === undefined ? [] : [last.name];
    return { change: planRemove(state, { n: names.length, hostnames: names }, () => 0), names };
  }
  let refusal = 'nothing is to be added';
  for (let n = by; n > 0; n -= 1) {
    const names = freeNames(state, n);
    try {
      return { change: planAdd(state, { n, hostnames: names }, limits, () => ''), names };
    } catch (error) {
      if (!(error instanceof AdminError)) throw error;
      refusal = error.message;
    }
  }
  return { refusal };
}

/**
 * @returns the first of S1, S2 … that are free. So scaling out again takes the names that scaling in
 * has given up, and moves the same keys. The name of a replica that still finishes what it holds is not free.
 */
export function freeNames({ desired, retired }: Pick<RingState, 'desired' | 'retired'>, n: number): string[] {
  const used = new Set([...desired.map(({ name }) => name), ...retired.keys()]);
  const names: string[] = [];
  for (let at = 1; names.length < n; at += 1) if (!used.has(`S${at}`)) names.push(`S${at}`);
  return names;
}
