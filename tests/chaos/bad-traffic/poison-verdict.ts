import type { LedgerLine } from '../ledger.ts';
import { endedAt, finalResult, isSuccess } from '../record.ts';
import type { RequestRecord } from '../record.ts';

/** A request that ends the process of the worker that runs it. */
export interface Poison {
  readonly id: string;
  /** The replica that owns its key. */
  readonly replica: string;
}

/** More deaths than this no request may cause. */
export const mostDeaths = 3;

/**
 * Holds the harm of poison requests against what is allowed: each is run three times at most, by its own replica, and
 * takes with it what ran beside it the first time.
 * @param records the requests of the load, all of them innocent.
 * @param owner which replica owns a key.
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
    if (own.length > mostDeaths) unmet.push(`the poison ${id} was run ${own.length} times`);
    const elsewhere = new Set(own.map((line) => line.replica).filter((name) => name !== replica));
    if (elsewhere.size > 0)
      unmet.push(`the poison ${id} of ${replica} was also run by ${[...elsewhere].join(', ')}`);
  }
  for (const record of records) {
    if (isSuccess(finalResult(record))) continue;
    const poison = poisons.find(({ replica }) => replica === owner(record.key));
    const [first, second] = (poison && runs.get(poison.id)) ?? [];
    if (first === undefined) {
      unmet.push(`${record.method} ${record.id} failed on ${owner(record.key)}, which ran no poison`);
      continue;
    }
    const lines = runs.get(record.id) ?? [];
    // What was taken and not begun has no line.
    const ranAtFirst =
      lines.length === 0
        ? endedAt(record) < (second?.at ?? Number.POSITIVE_INFINITY)
        : lines.every(({ pid }) => pid === first.pid);
    if (!ranAtFirst) unmet.push(`${record.method} ${record.id} failed, and did not run at the first death`);
  }
  return unmet;
}
