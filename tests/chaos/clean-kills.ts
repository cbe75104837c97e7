import { backoffMs } from '../../gateway/controller/replica-state.ts';
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

/** @returns the kills that can be judged, each with its bound. */
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
    const maxMs = maxAloneMs + (earlier === 0 ? 0 : holdMs + backoffMs(earlier + 1));
    return [{ calmSince: before.from, at, over: after.from, detail, maxMs }];
  });
}

/**
 * @returns the time of the slowest answer, in ms, among requests that were running at the kill or were sent
 * before the system was healthy again.
 */
export function slowestDuring(records: readonly RequestRecord[], { calmSince, at, over }: CleanKill): number {
  const times = records
    .filter((record) => sentAt(record) > calmSince && sentAt(record) <= over && endedAt(record) >= at)
    .map((record) => endedAt(record) - sentAt(record));
  return times.reduce((most, time) => Math.max(most, time), 0);
}
