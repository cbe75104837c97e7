import type { LedgerLine } from '../ledger.ts';
import { endedAt, failureCode, finalResult, isSuccess } from '../record.ts';
import type { RequestRecord } from '../record.ts';

/** A request that ends the process of the worker that runs it. */
export interface Poison {
  readonly id: string;
  /** The replica that owns its key. */
  readonly replica: string;
}

/** The most deaths that one request may cause. */
export const maxDeaths = 3;

/**
 * Judges the harm of poison requests. Each may run three times at most, only on its own replica. A request of
 * the load may fail only if the worker held it at the first death.
 * @param records the requests of the load, none of which is poison.
 * @param owner returns the replica that owns a key.
 * @returns sentences on what was not met.
 */
export function judgePoisons(
  poisons: readonly Poison[],
  records: readonly RequestRecord[],
  ledger: readonly LedgerLine[],
  owner: (key: string) => string | undefined,
): string[] {
  const runs = Map.groupBy(ledger, ({ id }) => id);
  const unmet: string[] = [];
  for (const { id, replica } of poisons) {
    const own = runs.get(id) ?? [];
    if (own.length === 0) unmet.push(`the poison ${id} was never run`);
    if (own.length > maxDeaths) unmet.push(`the poison ${id} was run ${own.length} times`);
    const elsewhere = new Set(own.map((line) => line.replica).filter((name) => name !== replica));
    if (elsewhere.size > 0)
      unmet.push(`the poison ${id} of ${replica} was also run by ${[...elsewhere].join(', ')}`);
  }
  const stray = records.filter((record) => {
    if (isSuccess(finalResult(record))) return false;
    const poison = poisons.find(({ replica }) => replica === owner(record.key));
    return !ranBeside(record, runs.get(record.id) ?? [], (poison && runs.get(poison.id)) ?? []);
  });
  unmet.push(...strayFailures(stray, 'did not run beside a poison at its first death'));
  return unmet;
}

/** @returns whether the worker that ran the poison first held the request when it died. */
function ranBeside(
  record: RequestRecord,
  lines: readonly LedgerLine[],
  [first, second]: readonly LedgerLine[],
): boolean {
  if (first === undefined) return false;
  // A request that was held but not started has no line in the ledger.
  if (lines.length === 0) return endedAt(record) < (second?.at ?? Number.POSITIVE_INFINITY);
  return lines.every(({ pid }) => pid === first.pid);
}

/** @returns one sentence on requests that failed although they should not have; none if there are none. */
export function strayFailures(records: readonly RequestRecord[], why: string): string[] {
  const [first] = records;
  if (first === undefined) return [];
  const example = `${first.method} ${first.id}, ${failureCode(finalResult(first))}`;
  return [`${records.length} requests failed that ${why}, e.g. ${example}`];
}
