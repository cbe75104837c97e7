import type { Rule } from '../rule.ts';
import { answered, oneEnd, sameForClient, streamWhole, toldFromRun } from './ends.ts';
import { begunUnderLease, leaseExclusive, supersededSilent } from './leases.ts';
import { cancelledStays, killerConvicted, oneAttempt, unsafeOnce } from './runs.ts';

/** The rules of `docs/protocol-trace.md`, by their names. */
export const rules = {
  'unsafe-once': unsafeOnce,
  'one-attempt': oneAttempt,
  'cancelled-stays': cancelledStays,
  'killer-convicted': killerConvicted,
  'lease-exclusive': leaseExclusive,
  'begun-under-lease': begunUnderLease,
  'superseded-silent': supersededSilent,
  'told-from-run': toldFromRun,
  'one-end': oneEnd,
  answered,
  'stream-whole': streamWhole,
  'client-told': sameForClient,
} as const satisfies Record<string, Rule>;

export type RuleName = keyof typeof rules;

/** All names, in the order of the documentation. */
export const ruleNames = Object.keys(rules) as RuleName[]; // these are its own keys
