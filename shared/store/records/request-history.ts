import { requestId } from '../../contract/request-id.ts';
import { readEvents } from '../../contract/request-events.ts';
import type { RecordedEvent } from '../../contract/request-events.ts';
import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { momentText, parseEntry } from '../keys/index-entries.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { nullIfWrongType } from '../repair/key-repair.ts';
import type { Moment } from './index-reader.ts';
import { RequestRecords } from './request-records.ts';
import type { KnownRequest } from './request-records.ts';

/** What Redis knows of one request. */
export interface History {
  /** Undefined if there is neither a record nor a job. */
  readonly known: KnownRequest | undefined;
  /** Whether it has a record. */
  readonly isRecorded: boolean;
  /** The oldest first. */
  readonly events: readonly RecordedEvent[];
  /** Whether it is a dead letter. */
  readonly isDeadLetter: boolean;
}

/** Reads the histories of single requests. */
export class RequestHistory {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #records: RequestRecords;

  constructor(connection: Connection, log: Logger) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#records = new RequestRecords(connection, log);
  }

  async read(id: string, replica: string): Promise<History> {
    const [known, hash, letter] = await Promise.all([
      this.#records.find(id),
      nullIfWrongType(this.#redis.hgetall(this.#keys.request(replica, id))),
      this.#redis.exists(this.#keys.deadLetter(id)),
    ]);
    return {
      known,
      isRecorded: hash?.['state'] !== undefined,
      events: readEvents(hash ?? {}),
      isDeadLetter: letter === 1,
    };
  }

  /** @returns the id of a request of which only the first digits are given; undefined if there is none. */
  async complete(replica: string, { accepted, uuid }: Moment): Promise<string | undefined> {
    const min = momentText({ accepted, uuid });
    const { byTime } = this.#keys.requestIndexes(replica);
    const range = this.#redis.zrange(byTime, `[${min}`, `[${min}~`, 'BYLEX', 'LIMIT', 0, 1);
    const [text = ''] = (await nullIfWrongType(range)) ?? [];
    const entry = parseEntry(text);
    return entry === undefined ? undefined : requestId(entry.uuid, replica);
  }
}
