import type { Redis } from 'ioredis';
import type { JobData } from '#shared/contract/job.ts';
import { decodeReply } from '#shared/contract/reply.ts';
import type { Reply } from '#shared/contract/reply.ts';
import { replicaOf } from '#shared/contract/request-id.ts';
import { readRecord } from '#shared/contract/request-record.ts';
import type { RequestRecord } from '#shared/contract/request-record.ts';
import type { Keys } from '#shared/keys.ts';
import type { HeldBytes } from '../dispatch/held-bytes.ts';

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

  /** @param redis a fail-fast connection. */
  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /**
   * One round trip. A request without a record of its own, whose client waits for it, is known while its job is there.
   * @returns undefined where nothing is known of it, or not any more.
   */
  async find(id: string): Promise<KnownRequest | undefined> {
    const replica = replicaOf(id);
    if (replica === undefined) return undefined;
    const [hash, job] = await Promise.all([
      this.#redis.hgetall(this.#keys.request(replica, id)),
      this.#redis.hmget(this.#keys.job(replica, id), 'data', 'timestamp', 'processedOn', 'ats'),
    ]);
    const kept = readRecord(hash, Date.now());
    if (kept !== undefined) return { id, replica, record: kept, gateway: '' };
    const waited = waitedFor(job);
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
    const beginning = await this.#redis.getrangeBuffer(key, 0, smallBytes - 1);
    if (beginning.length < smallBytes) {
      hand(beginning.length === 0 ? undefined : decodeReply(beginning));
      return;
    }
    const bytes = await this.#redis.strlen(key);
    if (!(await held.roomForAnswer(bytes, wanted))) return;
    try {
      const frame = await this.#redis.getBuffer(key);
      hand(frame === null ? undefined : decodeReply(frame));
    } finally {
      // Whoever was handed the answer counts it by now.
      held.giveAnswer(bytes);
    }
  }

  /** @returns the answer of a request, while it is kept. */
  async reply({ id, replica }: KnownRequest): Promise<Reply | undefined> {
    const frame = await this.#redis.getBuffer(this.#keys.keptReply(replica, id));
    return frame === null ? undefined : decodeReply(frame);
  }
}

/** What a job itself says of a request that has no record. */
function waitedFor([data, timestamp, processedOn, ats]: (string | null)[]):
  | Pick<KnownRequest, 'record' | 'gateway'>
  | undefined {
  if (data === null || data === undefined) return undefined;
  const { method, target, deadline, gateway } = JSON.parse(data) as JobData; // only gateways add jobs
  const started = processedOn === null || processedOn === undefined ? undefined : Number(processedOn);
  const record: RequestRecord = {
    state: started === undefined ? 'queued' : 'running',
    change: 0,
    method,
    target,
    accepted: Number(timestamp ?? 0),
    deadline,
    attempts: Number(ats ?? 0),
    ...(started === undefined ? {} : { started }),
  };
  return { record, gateway };
}
