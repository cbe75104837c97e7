import { testsOf } from './reason.ts';
import type { Reason } from './reason.ts';
import type { Outcome, Results } from './results.ts';

/** A test that passes on one of the two ways alone. */
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
  /** Tests that have a reason but do not differ, or are not there. */
  readonly stale: readonly string[];
}

/** Compares what a suite says without a gateway and through one. */
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
  // A test that depends on time may be equal in a run.
  const stale = [...reasonOf].filter(
    ([test, { kind }]) => !(kind === 'timing' ? direct.has(test) : differing.has(test)),
  );
  return { explained, unexplained, stale: stale.map(([test]) => test) };
}
