import { reasonKinds } from './reason.ts';
import type { Reason, ReasonKind } from './reason.ts';
import table from './reasons.json' with { type: 'json' };

function isKind(kind: string): kind is ReasonKind {
  return Object.hasOwn(reasonKinds, kind);
}

/**
 * The reasons of all differences, by the suite's name.
 * @throws Error if a reason has an unknown kind.
 */
export const reasons: ReadonlyMap<string, readonly Reason[]> = new Map(
  Object.entries(table).map(([suite, given]) => [
    suite,
    given.map(({ kind, why, tests }) => {
      if (!isKind(kind)) throw new Error(`reasons.json: ${suite}: the kind ${kind} is unknown`);
      return { kind, why, tests };
    }),
  ]),
);
