import type { Redis } from 'ioredis';
import { parseCaller } from '#shared/contract/caller.ts';
import { parseJob } from '#shared/contract/job.ts';
import { decodeReply } from '#shared/contract/reply.ts';
import type { Reply } from '#shared/contract/reply.ts';
import { replicaOf } from '#shared/contract/request-id.ts';
import { readRecord } from '#shared/contract/request-record.ts';
import type { RequestRecord } from '#shared/contract/request-record.ts';
import { expectedOfRequest } from '#shared/store/repair/expected-keys.ts';
import { isCount } from '#shared/contract/json-object.ts';
import { KeyRepair, orNull } from '#shared/store/repair/key-repair.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import type { Callers } from '../caller/callers.ts';
import type { HeldBytes } from '../request/held-bytes.ts';

/** A request as its id tells it, at whichever gateway it is asked for. */
export interface KnownRequest {
  readonly id: string;
  /** The replica in whose queue it is, or was. */
  readonly replica: string;
  readonly record: RequestRecord;
  /** The gateway at which a client waits for the answer; empty where none does. */
  readonly gateway: string;
}

/** Answers of fewer bytes are read whole, in one command, and need no room. */
const smallBytes = 64 * 1024;

/** Reads what is known of requests, whichever gateway has accepted them. */
export class RequestStore {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #repair: KeyRepair;
  readonly #callers: Callers | undefined;

  /**
   * @param redis a fail-fast connection.
   * @param callers tells whose a request without a record is; left out where nobody asks.
   */
  constructor(redis: Redis, keys: Keys, log: Logger, callers?: Callers) {
    this.#callers = callers;
    this.#redis = redis;
    this.#keys = keys;
    this.#repair = new KeyRepair(redis, keys, log);
  }

  /**
   * One round trip. A request without a record of its own, whose client waits for it, is known while its job is there.
   * @returns undefined where nothing is known of it, or not any more.
   */
  async find(id: string): Promise<KnownRequest | undefined> {
    const replica = replicaOf(id);
    if (replica === undefined) return undefined;
    const key = this.#keys.request(replica, id);
    const [hash, job] = await Promise.all([
      this.#mending(replica, id, () => this.#redis.hgetall(key)),
      // A job of another type is not known; its worker moves it aside.
      orNull(this.#redis.hmget(this.#keys.job(replica, id), 'data', 'timestamp', 'processedOn', 'ats')),
    ]);
    const kept = readRecord(hash, clockOf(this.#redis).now());
    if (kept !== undefined) return { id, replica, record: kept, gateway: '' };
    if (Object.keys(hash).length > 0) await this.#repair.aside.key({ key, type: 'hash' });
    const waited = waitedFor(job ?? [], this.#callers);
    return waited === undefined ? undefined : { id, replica, ...waited };
  }

  /**
   * Reads the answer of a request for a client. A large one is read once the gateway has room for it.
   * @param wanted asked when there is room.
   * @param hand given the answer, while it is kept; undefined if it is not. Not called if it is not wanted any more.
   */
  async handReply(
    { id, replica }: KnownRequest,
    held: HeldBytes,
    wanted: () => boolean,
    hand: (reply: Reply | undefined) => void,
  ): Promise<void> {
    const key = this.#keys.keptReply(replica, id);
    const read = (): Promise<Buffer> => this.#redis.getrangeBuffer(key, 0, smallBytes - 1);
    const beginning = await this.#mending(replica, id, read);
    if (beginning.length < smallBytes) {
      hand(beginning.length === 0 ? undefined : await this.#decoded(key, beginning));
      return;
    }
    const bytes = await this.#redis.strlen(key);
    if (!(await held.roomForAnswer(bytes, wanted))) return;
    try {
      const frame = await this.#redis.getBuffer(key);
      hand(frame === null ? undefined : await this.#decoded(key, frame));
    } finally {
      // Whoever was handed the answer counts it by now.
      held.giveAnswer(bytes);
    }
  }

  /** @returns the answer of a request, while it is kept and can be read. */
  async reply({ id, replica }: KnownRequest): Promise<Reply | undefined> {
    const key = this.#keys.keptReply(replica, id);
    const frame = await this.#mending(replica, id, () => this.#redis.getBuffer(key));
    return frame === null ? undefined : this.#decoded(key, frame);
  }

  /** @returns undefined for what is no frame, which is moved aside. */
  async #decoded(key: string, frame: Buffer): Promise<Reply | undefined> {
    try {
      return decodeReply(frame);
    } catch {
      await this.#repair.aside.key({ key, type: 'string', text: frame });
      return undefined;
    }
  }

  #mending<T>(replica: string, id: string, act: () => Promise<T>): Promise<T> {
    return this.#repair.mending(act, () => expectedOfRequest(this.#keys, replica, id));
  }
}

/** What a job itself says of a request that has no record. */
function waitedFor(
  [data, timestamp, processedOn, ats]: (string | null)[],
  callers: Callers | undefined,
): Pick<KnownRequest, 'record' | 'gateway'> | undefined {
  if (data === null || data === undefined) return undefined;
  const parsed = parseJob(data);
  if (parsed === undefined) return undefined;
  const { method, target, deadline, gateway } = parsed;
  const started = countOf(processedOn);
  const caller = parsed.caller === undefined ? callers?.ofSent(parsed) : parseCaller(parsed.caller);
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

/** @returns the number that BullMQ has written; undefined where there is none. */
function countOf(text: string | null | undefined): number | undefined {
  const count = Number(text ?? Number.NaN);
  return isCount(count) ? count : undefined;
}
