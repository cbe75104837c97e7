import { backoffMs } from '../../gateway/controller/replica-state.ts';
import type { LedgerLine } from './ledger.ts';
import type { RequestRecord } from './record.ts';
import { endedAt, sentAt } from './record.ts';
import type { SoakFault } from './soak-fault.ts';
import type { Calm } from './wholeness.ts';

/** A fault of the soak and when it was injected. */
export interface DoneFault extends Pick<SoakFault, 'kind' | 'detail' | 'replica'> {
  readonly at: number;
}

/** A death of a worker other than by a kill of the soak. */
export interface Death {
  readonly replica: string;
  readonly at: number;
}

/** A worker killed while nothing else was wrong, and no further fault until the system was healthy again. */
export interface CleanKill {
  /** Since when the system had been healthy. */
  readonly calmSince: number;
  readonly at: number;
  /** When the system was healthy again. */
  readonly over: number;
  /** When the next fault was injected; Infinity if there was none. */
  readonly nextAt: number;
  readonly detail: string;
  /** Every answer must take less than this, in ms. */
  readonly maxMs: number;
}

/** The bound on answers while nothing is wrong except one killed worker, in ms. */
export const maxAloneMs = 2000;
/** New requests wait at most this long while a suspect runs isolated, in ms. */
const holdMs = 5000;
/** If the same replica had a death this recently, there may be a suspect, in ms. */
const repeatedMs = 30_000;

export const killKind = 'kill -9 worker';

/**
 * @param aloneMs the bound on answers while nothing is wrong except one killed worker.
 * @returns the kills that can be judged, each with its bound.
 */
export function cleanKills(
  done: readonly DoneFault[],
  calms: readonly Calm[],
  otherDeaths: readonly Death[],
  aloneMs = maxAloneMs,
): CleanKill[] {
  const deaths = [
    ...done.flatMap(({ kind, replica, at }) =>
      kind === killKind && replica !== undefined ? [{ replica, at }] : [],
    ),
    ...otherDeaths,
  ];
  return done.flatMap((fault, index) => {
    if (fault.kind !== killKind) return [];
    const { at, replica, detail } = fault;
    const before = calms.findLast(({ from }) => from < at);
    const after = calms.find(({ from }) => from > at);
    const next = done[index + 1]?.at ?? Number.POSITIVE_INFINITY;
    const calm = before !== undefined && before.to >= at - 50;
    if (!calm || after === undefined || after.from >= next) return [];
    const earlier = deaths.filter(
      (death) => death.replica === replica && death.at < at && at - death.at < repeatedMs,
    ).length;
    const maxMs = aloneMs + (earlier === 0 ? 0 : holdMs + backoffMs(earlier + 1));
    return [{ calmSince: before.from, at, over: after.from, nextAt: next, detail, maxMs }];
  });
}

/** A key with so many requests is a hot one. */
const hotFrom = 20;

/**
 * With `KEY_CONCURRENCY`, a request of a hot key waits for others of its key, wherever these run. So a later
 * fault at any replica delays it.
 * @returns the requests that a kill can be judged by: without those of hot keys that the next fault has hit.
 */
export function withoutDelayed(
  records: readonly RequestRecord[],
  { nextAt }: Pick<CleanKill, 'nextAt'>,
): RequestRecord[] {
  const counts = new Map<string, number>();
  for (const { key } of records) counts.set(key, (counts.get(key) ?? 0) + 1);
  return records.filter((record) => (counts.get(record.key) ?? 0) < hotFrom || endedAt(record) <= nextAt);
}

/**
 * @returns the time from the first send of a request to its final answer, in ms. What came before a refusal
 * for its rate is left out: nothing of the request was accepted, and the rate is no fault.
 */
function timeOf(record: RequestRecord): number {
  const { attempts } = record;
  const refused = attempts.findLastIndex(({ result }) => result.kind === 'answer' && result.status === 429);
  return endedAt(record) - (attempts[refused + 1]?.sent ?? sentAt(record));
}

/**
 * @returns the slowest of the requests that were running at the kill or were sent before the system was
 * healthy again; undefined if there are none.
 */
export function slowestRequest(
  records: readonly RequestRecord[],
  { calmSince, at, over }: CleanKill,
): RequestRecord | undefined {
  return records
    .filter((record) => sentAt(record) > calmSince && sentAt(record) <= over && endedAt(record) >= at)
    .reduce<RequestRecord | undefined>(
      (slowest, record) => (slowest === undefined || timeOf(record) > timeOf(slowest) ? record : slowest),
      undefined,
    );
}

/** @returns the time of the {@link slowestRequest}, in ms. */
export function slowestDuring(records: readonly RequestRecord[], kill: CleanKill): number {
  const slowest = slowestRequest(records, kill);
  return slowest === undefined ? 0 : timeOf(slowest);
}

/** @returns which request was the slowest, and when it was sent, ran and ended, in ms from the kill. */
export function aboutSlowest(
  records: readonly RequestRecord[],
  ledger: readonly LedgerLine[],
  kill: CleanKill,
): string {
  const slowest = slowestRequest(records, kill);
  if (slowest === undefined) return 'none';
  const { id, method, attempts } = slowest;
  const fromKill = (time: number): string => String(Math.round(time - kill.at));
  const sends = attempts.map(({ sent }) => fromKill(sent)).join(', ');
  const runs = ledger.filter((line) => line.id === id).map((line) => `${line.replica} ${fromKill(line.at)}`);
  return `${method} ${id}: sent at ${sends}, run at ${runs.join(', ')}, ended at ${fromKill(endedAt(slowest))}`;
}
