import { parseCaller } from '../../contract/caller.ts';
import type { Caller } from '../../contract/caller.ts';
import { parseJob } from '../../contract/job.ts';
import type { JobData } from '../../contract/job.ts';
import { isCount } from '../../contract/json-object.ts';
import { isReplicaName } from '../../contract/replica-name.ts';
import { replicaOf } from '../../contract/request-id.ts';
import { readRecord } from '../../contract/request-record.ts';
import type { RequestRecord } from '../../contract/request-record.ts';
import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import { expectedOfRequest } from '../repair/expected-keys.ts';
import { KeyRepair, nullIfWrongType } from '../repair/key-repair.ts';

/** A request that is found by its id, at any gateway. */
export interface KnownRequest {
  readonly id: string;
  /** The replica whose queue has, or had, the request. */
  readonly replica: string;
  readonly record: RequestRecord;
  /** The gateway at which a client waits for the answer; empty if none does. */
  readonly gateway: string;
}

/** Reads what is known of requests, whichever gateway has accepted them. */
export class RequestRecords {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #clock: RedisClock;
  readonly #repair: KeyRepair;
  readonly #callerOf: ((job: JobData) => Caller) | undefined;

  /**
   * @param callerOf derives the caller of a request that has no record from its job; left out if the caller
   * does not matter.
   */
  constructor(connection: Connection, log: Logger, callerOf?: (job: JobData) => Caller) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#clock = clockOf(connection);
    this.#repair = new KeyRepair(connection, log);
    this.#callerOf = callerOf;
  }

  /**
   * Finds a request in one round trip, or two if its job was moved and it has no record. A request without a
   * record, whose client waits for it, is known while its job is there.
   * @returns undefined if nothing is known of it, or no longer.
   */
  async find(id: string): Promise<KnownRequest | undefined> {
    const replica = replicaOf(id);
    if (replica === undefined) return undefined;
    const key = this.#keys.request(replica, id);
    const [hash, waiting] = await Promise.all([
      this.#repair.withRepair(
        () => this.#redis.hgetall(key),
        () => expectedOfRequest(this.#keys, replica, id),
      ),
      this.#ofJob(replica, id),
    ]);
    const record = readRecord(hash, this.#clock.now());
    if (record !== undefined) return { id, replica: record.queue ?? replica, record, gateway: '' };
    if (Object.keys(hash).length > 0) await this.#repair.aside.key({ key, type: 'hash' });
    if (waiting !== undefined) return waiting;
    const moved = await nullIfWrongType(this.#redis.get(this.#keys.movedJob(id)));
    return moved === null || !isReplicaName(moved) ? undefined : this.#ofJob(moved, id);
  }

  /** @returns what the job of a request that has no record says. */
  async #ofJob(replica: string, id: string): Promise<KnownRequest | undefined> {
    const key = this.#keys.job(replica, id);
    // A job of another type counts as unknown. Its worker moves it aside.
    const job = await nullIfWrongType(this.#redis.hmget(key, 'data', 'timestamp', 'processedOn', 'ats'));
    const waiting = recordOfJob(job ?? [], this.#callerOf);
    return waiting === undefined ? undefined : { id, replica, ...waiting };
  }
}

/** @returns what a job says of its request, which has no record. */
function recordOfJob(
  [data, timestamp, processedOn, ats]: (string | null)[],
  callerOf: ((job: JobData) => Caller) | undefined,
): Pick<KnownRequest, 'record' | 'gateway'> | undefined {
  if (data === null || data === undefined) return undefined;
  const job = parseJob(data);
  if (job === undefined) return undefined;
  const { method, target, deadline, gateway } = job;
  const started = countOf(processedOn);
  const caller = job.caller === undefined ? callerOf?.(job) : parseCaller(job.caller);
  const record: RequestRecord = {
    state: started === undefined ? 'queued' : 'running',
    change: 0,
    method,
    target,
    accepted: countOf(timestamp) ?? 0,
    deadline,
    attempts: countOf(ats) ?? 0,
    ...(started === undefined ? {} : { started }),
    ...(caller === undefined ? {} : { caller }),
  };
  return { record, gateway };
}

/** @returns a number that BullMQ has written; undefined if there is none. */
function countOf(text: string | null | undefined): number | undefined {
  const count = Number(text ?? Number.NaN);
  return isCount(count) ? count : undefined;
}
