import { createRequire } from 'node:module';
import { jobName } from '../../contract/job.ts';
import { accessOf, keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { withBullMq } from './compose.ts';
import { defineKeyedScript } from './load.ts';
import type { LoadWord } from './read-load.ts';
import type { Script } from './script.ts';

/** BullMQ's options of every job. The job is deleted when it is finished. */
export const jobOptions = { removeOnComplete: true, removeOnFail: true, attempts: 0 } as const;

/** The options as JSON without the closing brace: the script appends the id of each job. */
const optionsJson = JSON.stringify(jobOptions).slice(0, -1);

/** A job that is ready to be added. */
export interface NewJob {
  readonly id: string;
  /** JSON. */
  readonly data: string;
  /** Whether its body is in a key of its own, and the command for it was sent before. */
  readonly hasStoredBody: boolean;
  /**
   * Whether the script may deliver it directly to the replica's consumer; `noted`: only to one that notes the
   * ids of the requests that it begins.
   */
  readonly deliverable: boolean | 'noted';
}

interface AddJobs {
  readonly replica: string;
  readonly jobs: readonly NewJob[];
  /** The time in Redis, in ms since the epoch. */
  readonly now: number;
}

/** What the call has done, and what the queue holds after it. */
export interface AddedJobs extends LoadWord {
  /** How many of the jobs were delivered directly. */
  readonly delivered: number;
}

const keysOfBullMq = 9;

/** @returns whether the script has added no job because a body is not there. */
export function lacksBody(error: unknown): boolean {
  return error instanceof Error && error.message.includes('the body of a job is not there');
}

/**
 * Adds jobs that may run at once. The text contains BullMQ's `addStandardJob`, so it is composed at run time.
 */
export const addJobs: Omit<Script<AddJobs, AddedJobs>, 'file'> = {
  keys: (keys, { replica, jobs }) => [
    ...keys.addStandardJob(replica),
    keys.lease(replica),
    keys.leaseFence(replica),
    keys.consumer(replica),
    keys.noting(replica),
    keys.eventReaders(replica),
    ...jobs.flatMap(({ id, hasStoredBody }) => (hasStoredBody ? [keys.requestBody(replica, id)] : [])),
  ],
  args: ({ replica, jobs, now }, keys) => {
    const first = jobs.filter(({ deliverable }) => deliverable === true);
    const isAll = first.length === jobs.length;
    const noted = isAll ? [] : jobs.filter(({ deliverable }) => deliverable === 'noted');
    const others = isAll ? [] : jobs.filter(({ deliverable }) => deliverable === false);
    const prefix = keys.bullMq(keys.queue(replica), '');
    const idsAndData = [...first, ...noted, ...others].flatMap(({ id, data }) => [id, data]);
    const direct = [first.length, first.length + noted.length];
    return [prefix, jobName, now, optionsJson, ...direct, ...idsAndData];
  },
  decode(reply) {
    // As the Lua file says.
    const [delivered, load, concurrency] = reply as [number, number, number];
    return { delivered, load, prioritized: undefined, concurrency: concurrency || undefined };
  },
};

/**
 * Makes the script callable.
 * @returns a function that runs it; or why it cannot run: it needs the proven version of BullMQ.
 */
export function createAddJobs(
  connection: Connection,
): { readonly run: (call: AddJobs) => Promise<AddedJobs> } | { readonly fault: string } {
  const load = createRequire(import.meta.url);
  const composed = withBullMq('add-jobs', [['addStandardJob', keysOfBullMq]], [], load);
  if ('fault' in composed) return composed;
  const keys = keysOf(connection);
  const runKeyed = defineKeyedScript(redisOf(connection), composed.lua);
  const run = async (call: AddJobs): Promise<AddedJobs> => {
    const itsKeys = addJobs.keys(keys, call);
    return addJobs.decode(await runKeyed(itsKeys.length, ...itsKeys, ...addJobs.args(call, keys)), call);
  };
  const { trace } = accessOf(connection);
  return trace === undefined ? { run } : { run: (call) => trace.around(addJobs, call, () => run(call)) };
}
