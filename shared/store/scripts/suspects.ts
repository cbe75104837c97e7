import { formatCrashes, parseCrashes } from '../../contract/request-crashes.ts';
import type { Crash } from '../../contract/request-crashes.ts';
import type { Fenced } from '../../contract/fenced.ts';
import { script } from './script.ts';

interface RecordCrash extends Crash {
  readonly lease: Fenced;
  readonly id: string;
  /** False if ringpost or a shutdown ended the worker. */
  readonly counts: boolean;
}

/** What a job says of its crashes, after one was recorded. */
export interface CrashesOfJob {
  readonly crashes: readonly Crash[];
  /** Whether the job was running alone. */
  readonly alone: boolean;
}

/**
 * Records that a worker died while it was running a job that may run again, and makes the job a suspect. The
 * result is undefined if it has no new crash; `gone` if the job is gone or not active; `superseded` if
 * another worker has taken the lease, so that nothing was recorded.
 */
export const recordCrash = script<RecordCrash, CrashesOfJob | 'gone' | 'superseded' | undefined>({
  file: 'note-loss',
  keys: (keys, { lease: { replica }, id }) => [
    keys.job(replica, id),
    keys.suspects(replica),
    keys.unfinished(replica).active,
    keys.jobLock(replica, id),
    keys.leaseFence(replica),
  ],
  args: ({ lease, id, death, startOrder, counts }) => [id, death, startOrder, counts ? 1 : 0, lease.fence],
  decode: (reply) => {
    if (reply === -1) return 'superseded';
    if (!Array.isArray(reply)) return 'gone';
    const [crashes, alone]: readonly unknown[] = reply;
    return alone === -1 ? undefined : { crashes: parseCrashes(String(crashes)), alone: alone === 1 };
  },
});

interface ClearCrashes {
  readonly lease: Fenced;
  readonly id: string;
  /** The crashes of the job, as the caller has read them. */
  readonly crashes: readonly Crash[];
  readonly left: readonly Crash[];
}

/** Replaces the crashes of a job, if they are still these. `superseded`: another worker has the lease. */
export const clearCrashes = script<ClearCrashes, 'cleared' | 'changed' | 'superseded'>({
  file: 'clear-losses',
  keys: (keys, { lease: { replica }, id }) => [keys.job(replica, id), keys.leaseFence(replica)],
  args: ({ lease, crashes, left }) => [lease.fence, formatCrashes(crashes), formatCrashes(left)],
  decode: (reply) => {
    if (reply === 1) return 'cleared';
    return reply === -1 ? 'superseded' : 'changed';
  },
});

interface StartSuspect {
  readonly lease: Fenced;
  readonly id: string;
  /** The higher, the later it starts; `poison` if it is not run but fails. */
  readonly startOrder: number | 'poison';
  readonly alone: boolean;
}

/** A suspect that is an active job now. */
export interface StartedSuspect {
  /** The job's data as JSON. */
  readonly data: string;
  /** How often the job was started, this time included. */
  readonly attempt: number;
}

/**
 * Makes a suspect an active job. The result is undefined if it is no longer a suspect, e.g. if cancelled;
 * `superseded` if another worker has taken the lease.
 */
export const startSuspect = script<StartSuspect, StartedSuspect | 'superseded' | undefined>({
  file: 'begin-suspect',
  keys: (keys, { lease: { replica }, id }) => [
    keys.job(replica, id),
    keys.suspects(replica),
    keys.unfinished(replica).active,
    keys.leaseFence(replica),
  ],
  args: ({ lease, id, startOrder, alone }) => [
    id,
    startOrder === 'poison' ? 0 : startOrder,
    alone ? 1 : 0,
    lease.fence,
  ],
  decode: (reply) => {
    if (reply === -1) return 'superseded';
    if (!Array.isArray(reply)) return undefined;
    const [data, attempt]: readonly unknown[] = reply;
    return { data: String(data), attempt: Number(attempt) };
  },
});
