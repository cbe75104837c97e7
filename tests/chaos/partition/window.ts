import type { LedgerLine } from '../ledger.ts';
import type { RequestRecord } from '../record.ts';
import type { Finding } from '../verdict.ts';

/** When the network was parted, in ms since the epoch. */
export interface Parting {
  /** When the suite began to part it. */
  readonly from: number;
  /** When nothing passed any more. */
  readonly parted: number;
  /** When another server was the master. */
  readonly replaced: number;
  readonly to: number;
}

/** What ran on the island while it was parted, and which POSTs ran twice because of that. */
export interface IslandVerdict {
  /** POSTs that ran once on either side, because the new master never received that they were begun. */
  readonly inWindow: readonly Finding[];
  /** Others that ran twice. No fault excuses them. */
  readonly outside: readonly Finding[];
  /** The last moment at which the island began a request, in ms after it was parted; 0 if it began none. */
  readonly lastBegunMs: number;
  /** Requests that the island began after the mainland had begun others of the same replica. */
  readonly overlapping: readonly Finding[];
}

/** What is written less than this before the parting may not have left the island, in ms. */
const inFlightMs = 200;

/**
 * Judges a run in which the leading controller, all its workers and the master were on an island.
 * @param ledger in the order in which it was written.
 */
export function judgeIsland(
  records: readonly RequestRecord[],
  ledger: readonly LedgerLine[],
  { from, parted, replaced, to }: Parting,
): IslandVerdict {
  // Before the parting all workers are on the island, and it gets no others.
  const islanders = new Set(ledger.flatMap(({ pid, at }) => (at < from ? [pid] : [])));
  const isIslander = ({ pid }: LedgerLine): boolean => islanders.has(pid);
  const during = ledger.filter(({ at }) => at >= from && at < to);
  const alone = during.filter(isIslander);
  const firstOfMainland = new Map<string, number>();
  for (const line of ledger)
    if (!isIslander(line) && !firstOfMainland.has(line.replica)) firstOfMainland.set(line.replica, line.at);

  const runs = Map.groupBy(ledger, ({ id }) => id);
  const inWindow: Finding[] = [];
  const outside: Finding[] = [];
  for (const { id, method, attempts } of records) {
    const lines = runs.get(id) ?? [];
    if (method !== 'POST' || lines.length < 2) continue;
    const where = lines.map(
      (line) => `${Math.round(line.at - from)} ms ${isIslander(line) ? 'island' : 'mainland'}`,
    );
    const [first, second] = lines;
    const excused =
      lines.length === 2 &&
      // A client that was told 503 was told that it did not run.
      attempts.length === 1 &&
      first !== undefined &&
      isIslander(first) &&
      first.at >= from - inFlightMs &&
      second !== undefined &&
      !isIslander(second) &&
      second.at >= replaced - inFlightMs;
    (excused ? inWindow : outside).push({ id, why: `begun at ${where.join(' and ')}` });
  }
  return {
    inWindow,
    outside,
    lastBegunMs: Math.max(0, ...alone.map(({ at }) => at - parted)),
    overlapping: alone
      .filter(({ replica, at }) => at > (firstOfMainland.get(replica) ?? Number.POSITIVE_INFINITY))
      .map(({ id, replica, at }) => ({
        id,
        why: `${replica} began it ${Math.round(at - from)} ms after the parting`,
      })),
  };
}
