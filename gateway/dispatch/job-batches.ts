import { createRequire } from 'node:module';
import type { Redis } from 'ioredis';
import { jobName } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import type { Keys } from '#shared/keys.ts';
import { includeInto, luaFunction } from '#shared/scripts/compose.ts';
import { provenBullMq, scriptText } from '#shared/scripts/load.ts';

/** As BullMQ's own `add` writes them for a job that is gone when it is finished. */
export const jobOptions = { removeOnComplete: true, removeOnFail: true, attempts: 0 } as const;

interface Waiting {
  readonly id: string;
  readonly data: string;
  readonly done: (error?: unknown) => void;
}

/** In one call, so that Redis is not kept from others for long. */
const mostJobs = 256;
const command = 'ringpost:add-jobs';

/**
 * @returns the script that adds many jobs, made of BullMQ's own; undefined with a version of BullMQ that it was not proven
 * with.
 */
function addJobsScript(): string | undefined {
  const require = createRequire(import.meta.url);
  const { version } = require('bullmq/package.json') as { version: string };
  if (version !== provenBullMq) return undefined;
  // A file of the package that only its own client reads; the version above says that it is there.
  const { addStandardJob } = require('bullmq/dist/cjs/scripts/addStandardJob-9') as {
    addStandardJob: { content: string };
  };
  return includeInto(scriptText('add-jobs'), [luaFunction('addStandardJob', addStandardJob.content)]);
}

/** Adds jobs that are to be run at once; those of one turn of the event loop to one replica in one call. */
export class JobBatches {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #waiting = new Map<string, Waiting[]>();
  /** Whether jobs can be added so; else BullMQ's own queue adds them one by one. */
  readonly usable: boolean;

  /** @param redis a fail-fast connection that others may share. */
  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
    const lua = addJobsScript();
    this.usable = lua !== undefined;
    if (lua !== undefined) redis.defineCommand(command, { numberOfKeys: 9, lua });
  }

  /** @returns once the job is durable; rejects when Redis is away or refuses it. */
  add(replica: string, id: string, job: JobData): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error?: unknown): void => (error === undefined ? resolve() : reject(error));
      const added = { id, data: JSON.stringify(job), done };
      if (this.#waiting.size === 0) setImmediate(() => this.#flush());
      const others = this.#waiting.get(replica);
      if (others === undefined) this.#waiting.set(replica, [added]);
      else others.push(added);
    });
  }

  #flush(): void {
    for (const [replica, jobs] of this.#waiting) {
      for (let at = 0; at < jobs.length; at += mostJobs) {
        this.#send(replica, jobs.slice(at, at + mostJobs));
      }
    }
    this.#waiting.clear();
  }

  #send(replica: string, jobs: readonly Waiting[]): void {
    // defineCommand adds methods that TypeScript cannot know.
    const run = (this.#redis as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>)[command];
    const prefix = `${this.#keys.replica(replica)}:`;
    run
      ?.call(
        this.#redis,
        ...this.#keys.addStandardJob(replica),
        prefix,
        jobName,
        Date.now(),
        JSON.stringify(jobOptions),
        ...jobs.flatMap(({ id, data }) => [id, data]),
      )
      .then(
        () => jobs.forEach(({ done }) => done()),
        (error: unknown) => jobs.forEach(({ done }) => done(error)),
      );
  }
}
