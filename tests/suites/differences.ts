import { testsOf } from './reason.ts';
import type { Reason } from './reason.ts';
import type { Outcome, Results } from './results.ts';

/** A test that passes either only directly or only through the gateway. */
export interface Difference {
  readonly test: string;
  readonly direct: Outcome | undefined;
  readonly through: Outcome | undefined;
}

/** How the two runs of a suite differ. */
export interface Comparison {
  /** Differences by their reason, in the order of the reasons. */
  readonly explained: ReadonlyMap<Reason, readonly Difference[]>;
  readonly unexplained: readonly Difference[];
  /** Tests that have a reason but do not differ or do not exist. */
  readonly stale: readonly string[];
}

/** Compares the results of a suite without a gateway and through one. */
export function compare(direct: Results, through: Results, reasons: readonly Reason[]): Comparison {
  const reasonOf = new Map(
    reasons.flatMap((reason) => testsOf(reason).map((test) => [test, reason] as const)),
  );
  const explained = new Map<Reason, Difference[]>(reasons.map((reason) => [reason, []]));
  const unexplained: Difference[] = [];
  const differing = new Set<string>();
  for (const test of new Set([...direct.keys(), ...through.keys()])) {
    const difference = { test, direct: direct.get(test), through: through.get(test) };
    if ((difference.direct?.state === 'passed') === (difference.through?.state === 'passed')) continue;
    differing.add(test);
    const reason = reasonOf.get(test);
    if (reason === undefined) unexplained.push(difference);
    else explained.get(reason)?.push(difference);
  }
  // A test that depends on timing may not differ in this run.
  const stale = [...reasonOf].filter(
    ([test, { kind }]) => !(kind === 'timing' ? direct.has(test) : differing.has(test)),
  );
  return { explained, unexplained, stale: stale.map(([test]) => test) };
}
