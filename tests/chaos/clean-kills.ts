import { backoffMs } from '../../gateway/controller/replica-state.ts';
import type { RequestRecord } from './record.ts';
import { endedAt, sentAt } from './record.ts';
import type { SoakFault } from './soak-fault.ts';
import type { Calm } from './wholeness.ts';

/** A fault of the soak with the time at which it was done. */
export interface DoneFault extends Pick<SoakFault, 'kind' | 'detail' | 'replica'> {
  readonly at: number;
}

/** A death of a replica's worker that the soak knows of, beside its kills. */
export interface Death {
  readonly replica: string;
  readonly at: number;
}

/** A worker killed while nothing else was amiss, until all was well again. */
export interface CleanKill {
  /** Since when all had been well. */
  readonly calmSince: number;
  readonly at: number;
  readonly over: number;
  readonly detail: string;
  /** No answer may take as long, in ms. */
  readonly mostMs: number;
}

/** No answer may take longer while nothing is amiss but one worker that was killed, in ms. */
export const mostAloneMs = 2000;
/** New requests wait this long for a suspect that runs alone, in ms. */
const holdMs = 5000;
/** A death within this time before another one of the same replica may have left a suspect, in ms. */
const repeatedMs = 30_000;

export const killKind = 'kill -9 worker';

/** @returns the kills that can be judged, with the bound that holds for each. */
export function cleanKills(
  done: readonly DoneFault[],
  calms: readonly Calm[],
  otherDeaths: readonly Death[],
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
    const mostMs = mostAloneMs + (earlier === 0 ? 0 : holdMs + backoffMs(earlier + 1));
    return [{ calmSince: before.from, at, over: after.from, detail, mostMs }];
  });
}

/** @returns the longest answer to what was under way at the kill, or sent until all was well again, in ms. */
export function slowestDuring(records: readonly RequestRecord[], { calmSince, at, over }: CleanKill): number {
  const times = records
    .filter((record) => sentAt(record) > calmSince && sentAt(record) <= over && endedAt(record) >= at)
    .map((record) => endedAt(record) - sentAt(record));
  return times.reduce((most, time) => Math.max(most, time), 0);
}
