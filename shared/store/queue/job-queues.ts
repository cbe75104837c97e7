import { Queue } from 'bullmq';
import { jobName, parseJob } from '../../contract/job.ts';
import type { LineTerms } from '../../contract/job-lines.ts';
import { isInLine } from '../../contract/job-lines.ts';
import type { JobData } from '../../contract/job.ts';
import { isRepeatable } from '../../contract/redelivery.ts';
import type { Logger } from '../../process/logger.ts';
import { HalfAdded } from './half-added.ts';
import { createJobBatches } from './job-batches.ts';
import type { AddNow, OnLoad } from './job-batches.ts';
import type { Keys } from '../keys/keys.ts';
import { Lines } from './line.ts';
import { LineExits } from './line-exits.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import { traceOf } from '../trace/open-trace.ts';
import type { ProtocolTrace } from '../../trace/protocol-trace.ts';
import type { Redis } from '../redis/access.ts';
import { commandFate } from '../redis/command-fate.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import { expectedOfJobs } from '../repair/expected-keys.ts';
import { KeyRepair, nullIfWrongType } from '../repair/key-repair.ts';
import { JobBodies } from './job-bodies.ts';
import type { StoredBody } from './job-bodies.ts';
import { addJobs, jobOptions } from '../scripts/add-jobs.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';
import { moveJob } from '../scripts/move-job.ts';
import type { MoveJob } from '../scripts/move-job.ts';
import { takeBack } from '../scripts/take-back.ts';
import type { TakenBack } from '../scripts/take-back.ts';

/** If BullMQ's events are written, each queue would keep 10,000 of them without a bound. */
const maxEvents = 100;

/** The gateway's side of the replicas' queues: it adds jobs, and takes back those that have not started. */
export class JobQueues {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #clock: RedisClock;
  readonly #log: Logger;
  readonly #run: Run;
  /** Undefined if BullMQ's own queue has to add all jobs. */
  readonly #addNow: AddNow | undefined;
  readonly #bodies: JobBodies;
  readonly #lines: Lines;
  readonly #exits: LineExits;
  readonly #halfAdded: HalfAdded;
  readonly #repair: KeyRepair;
  readonly #trace: ProtocolTrace | undefined;
  readonly #queues = new Map<string, Queue<JobData>>();

  /** @param connection a fail-fast connection that others may share. */
  constructor(connection: Connection, log: Logger, onLoad?: OnLoad) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#clock = clockOf(connection);
    this.#log = log;
    this.#run = createRun(connection);
    this.#repair = new KeyRepair(connection, log);
    this.#bodies = new JobBodies(connection, log);
    this.#lines = new Lines(connection, log, 'server');
    this.#exits = new LineExits(connection, log, 'server');
    this.#halfAdded = new HalfAdded(connection, log);
    this.#trace = traceOf(connection);
    this.#addNow = createJobBatches(connection, this.#halfAdded, log, onLoad);
  }

  /**
   * Adds a job. Jobs that are added to a replica at about the same time travel in one call. A body that has
   * its own key is sent before its job on the same connection; it is deleted again if the job is refused. No
   * job is added whose body is not there.
   * @param stored the body, if it has its own key.
   * @returns once the job is durable; rejects if Redis is away or refuses the job.
   */
  add(replica: string, id: string, job: JobData, stored?: StoredBody): Promise<void> {
    // An opened queue writes the bound of its event stream, which the script that adds jobs reads.
    const queue = this.#queue(replica);
    const addNow = mayRunAtOnce(job) ? this.#addNow : undefined;
    const add = (): Promise<void> =>
      addNow === undefined
        ? this.#addWithBullMq(queue, replica, id, job)
        : addNow(replica, id, job, stored !== undefined);
    return stored === undefined ? add() : this.#addWithBody(replica, id, stored, add, addNow === undefined);
  }

  /** @param inTurn whether the job is sent only after the body is there, because no script checks that. */
  async #addWithBody(
    replica: string,
    id: string,
    stored: StoredBody,
    add: () => Promise<void>,
    inTurn: boolean,
  ): Promise<void> {
    const storing = this.#bodies.store(replica, id, stored);
    // If the body was refused, the script refuses the job.
    const refused = storing.then(
      () => undefined,
      (error: unknown) => error,
    );
    if (inTurn) await storing;
    try {
      await add();
    } catch (error) {
      // If the job may have been added, its body has to stay.
      if (commandFate(error) === 'unknown') throw error;
      await this.#bodies.remove(replica, id);
      throw (await refused) ?? error;
    }
  }

  /** @returns the ids of the jobs that Redis does not have: they neither wait nor run. */
  async missing(replica: string, ids: readonly string[]): Promise<readonly string[]> {
    const keys = ids.map((id) => this.#keys.job(replica, id));
    if ((await this.#redis.exists(...keys)) === keys.length) return [];
    const there = await Promise.all(keys.map((key) => this.#redis.exists(key)));
    return ids.filter((_, at) => there[at] === 0);
  }

  /**
   * Takes a job back if no worker has started it. BullMQ's own `remove` cannot do that: it does not tell a
   * job that it removed from one that had just finished.
   * @returns whether the job was removed before it started, so that it certainly did not run.
   */
  async takeBack(replica: string, id: string): Promise<boolean> {
    return (await this.takeBackToMove(replica, id)) !== 'no';
  }

  /** Takes a job back as {@link takeBack} does. @returns also whether a worker has died while it ran it. */
  takeBackToMove(replica: string, id: string): Promise<TakenBack> {
    return this.#repair.withRepair(
      () => this.#run(takeBack, { replica, id }),
      () => expectedOfJobs(this.#keys, replica),
    );
  }

  /**
   * Moves a job that waits for another attempt to the queue of another replica, in one step. Once the job is
   * there, another call changes nothing.
   * @returns whether the job is there.
   */
  move(call: MoveJob): Promise<boolean> {
    return this.#repair.withRepair(
      () => this.#run(moveJob, call),
      () => [...expectedOfJobs(this.#keys, call.from), ...expectedOfJobs(this.#keys, call.to)],
    );
  }

  /**
   * Takes back a job that nobody wants any more, and calls those that waited behind it in line.
   * @param terms say which lines it is in; undefined: its job is asked.
   * @param hasEnded the request never runs, also if a worker has just taken its job.
   * @returns whether the job was removed before it started.
   */
  async withdraw(replica: string, id: string, terms?: LineTerms, hasEnded = false): Promise<boolean> {
    const lines = terms ?? (await this.#termsOf(replica, id));
    const taken = await this.takeBack(replica, id);
    if ((taken || hasEnded) && lines !== undefined && isInLine(lines)) {
      this.#exits.leaveAll(id, lines).catch((error: unknown) => {
        this.#log.debug({ request: id, err: error }, 'the next in line asks by itself');
      });
    }
    return taken;
  }

  /** Closes the queues of all other replicas. */
  async keepOnly(replicas: ReadonlySet<string>): Promise<void> {
    const closing = [this.#exits.keepOnly(replicas)];
    for (const [replica, queue] of this.#queues) {
      if (replicas.has(replica)) continue;
      this.#queues.delete(replica);
      closing.push(queue.close());
    }
    await Promise.all(closing);
  }

  /** Closes all queues. The connection stays open. */
  close(): Promise<void> {
    return this.keepOnly(new Set());
  }

  async #termsOf(replica: string, id: string): Promise<LineTerms | undefined> {
    const text = await nullIfWrongType(this.#redis.hget(this.#keys.job(replica, id), 'data'));
    return text === null ? undefined : parseJob(text);
  }

  async #addWithBullMq(queue: Queue<JobData>, replica: string, id: string, job: JobData): Promise<void> {
    const { order, priority, notBefore } = job;
    const timestamp = this.#clock.now();
    const delay = notBefore === undefined ? 0 : Math.max(0, notBefore - timestamp);
    const when = {
      timestamp,
      ...(delay === 0 ? {} : { delay }),
      ...(priority === undefined ? {} : { priority }),
    };
    const add = async (): Promise<void> => {
      // Both commands use one connection, so no worker takes the job before it has a place in the line. A
      // delayed job joins the line when it is due.
      const joins = order !== undefined && delay === 0;
      const joined = joins ? this.#lines.join(order, { id, replica, deadline: job.deadline }) : undefined;
      const added = queue.add(jobName, job, { jobId: id, ...jobOptions, ...when });
      await (joined === undefined ? added : Promise.all([joined, added]));
    };
    const traced = this.#trace;
    await this.#halfAdded.adding(replica, [{ id, repeatable: isRepeatable(job) }], () => {
      if (traced === undefined) return add();
      const call = { replica, jobs: [{ id, data: JSON.stringify(job), deliverable: false }], now: timestamp };
      return traced.around(addJobs, call, async () => {
        await add();
        return { delivered: 0 };
      });
    });
  }

  #queue(replica: string): Queue<JobData> {
    let queue = this.#queues.get(replica);
    if (queue === undefined) {
      queue = new Queue<JobData>(this.#keys.queue(replica), {
        connection: this.#redis,
        prefix: this.#keys.prefix,
        skipVersionCheck: true,
        skipWaitingForReady: true,
        streams: { events: { maxLen: maxEvents } },
      });
      queue.on('error', (error) => this.#log.debug({ err: error, replica }, 'the queue reports an error'));
      this.#queues.set(replica, queue);
    }
    return queue;
  }
}

/** Whether a job neither has a delay or a priority nor waits in line from the start. */
function mayRunAtOnce({ order, priority, notBefore }: JobData): boolean {
  return order === undefined && priority === undefined && notBefore === undefined;
}
