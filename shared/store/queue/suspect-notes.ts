import { isPoison, parseCrashes, withoutCrashesOf } from '../../contract/request-crashes.ts';
import type { Crash } from '../../contract/request-crashes.ts';
import type { Fenced } from '../../contract/fenced.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { createRun } from '../scripts/script.ts';
import {
  clearCrashes,
  recordCrash as recordCrashScript,
  startSuspect as startSuspectScript,
} from '../scripts/suspects.ts';
import type { CrashesOfJob, StartedSuspect } from '../scripts/suspects.ts';

/** The field of a job, besides BullMQ's own, that holds its crashes. */
const crashesField = 'ringpost:losses';
/** The field of a job that says that a suspect is running. */
const runningField = 'ringpost:running';

/** What is known of a suspect after its worker died. If it ran alone, nothing else can be the cause. */
export interface RecordedCrash extends CrashesOfJob {
  readonly id: string;
  /** Whether it must never run again. */
  readonly poison: boolean;
}

/** @returns the ids of the suspects of a replica. */
export async function suspectsOf(connection: Connection, replica: string): Promise<ReadonlySet<string>> {
  return new Set(await redisOf(connection).smembers(keysOf(connection).suspects(replica)));
}

/** @returns the crashes of a job, the oldest first. */
export async function crashesOf(connection: Connection, replica: string, id: string): Promise<Crash[]> {
  const job = keysOf(connection).job(replica, id);
  return parseCrashes(await redisOf(connection).hget(job, crashesField));
}

/**
 * Clears the suspects of a replica of the crashes that a poison request has caused. None of the suspects has
 * started.
 * @param lease of the caller.
 * @param poison the crashes of a request that killed its worker while it ran alone.
 * @returns `superseded` if another worker has taken the lease: it may have recorded newer crashes.
 */
export async function clearSuspects(
  connection: Connection,
  lease: Fenced,
  poison: readonly Crash[],
): Promise<'cleared' | 'superseded'> {
  const run = createRun(connection);
  for (const id of await suspectsOf(connection, lease.replica)) {
    const crashes = await crashesOf(connection, lease.replica, id);
    const left = withoutCrashesOf(crashes, poison);
    if (left.length === crashes.length) continue;
    if ((await run(clearCrashes, { lease, id, crashes, left })) === 'superseded') return 'superseded';
  }
  return 'cleared';
}

/**
 * Records that a worker died while it was running a job that may run again, and makes the job a suspect.
 * @param crash `counts` is false if ringpost or a shutdown ended the worker.
 * @returns undefined if it has no new crash; `gone` if the job is gone or not active; `superseded` if another
 * worker has taken the lease, so that nothing was recorded.
 */
export async function recordCrash(
  connection: Connection,
  lease: Fenced,
  id: string,
  crash: Crash & { readonly counts: boolean },
): Promise<RecordedCrash | 'gone' | 'superseded' | undefined> {
  const recorded = await createRun(connection)(recordCrashScript, { lease, id, ...crash });
  if (typeof recorded !== 'object') return recorded;
  return { id, ...recorded, poison: isPoison(recorded.crashes, recorded.alone) };
}

/**
 * Makes a suspect an active job, and notes how it runs: if the worker dies, that helps to find the cause.
 * @param startOrder the higher, the later it starts; `poison` if it is not run but fails.
 * @returns undefined if it is no longer a suspect; `superseded` if another worker has taken the lease.
 */
export function startSuspect(
  connection: Connection,
  lease: Fenced,
  id: string,
  startOrder: number | 'poison',
  alone: boolean,
): Promise<StartedSuspect | 'superseded' | undefined> {
  return createRun(connection)(startSuspectScript, { lease, id, startOrder, alone });
}

/** Takes a request out of the suspects, since it has ended or is put back. Its crashes stay with its job. */
export async function endSuspect(connection: Connection, replica: string, id: string): Promise<void> {
  const keys = keysOf(connection);
  const transaction = redisOf(connection).multi();
  await transaction.srem(keys.suspects(replica), id).hdel(keys.job(replica, id), runningField).exec();
}
