import type { Fenced } from '../../contract/fenced.ts';
import type { ReplyHead } from '../../contract/reply.ts';
import { recordTtlMs, streamFields } from '../../contract/request-record.ts';
import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { inOneWrite } from '../redis/open-redis.ts';
import { expectedOfFence, expectedOfQueue, expectedOfRequest } from '../repair/expected-keys.ts';
import type { ExpectedKey } from '../repair/expected-keys.ts';
import { KeyRepair } from '../repair/key-repair.ts';
import { openKeptStream, takeOverStream } from '../scripts/kept-streams.ts';
import type { KeptStreamOpened } from '../scripts/kept-streams.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';
import { endOfEntry, entryFields, entryId } from './kept-entry.ts';
import type { KeptEntry } from './kept-entry.ts';
import { KeptStreamReader } from './kept-stream-reader.ts';

/** An entry of one of a worker's streams. */
export interface Append extends KeptEntry {
  /** The request's id. */
  readonly id: string;
}

/** A stream that runs. */
export interface RenewedStream {
  /** The request's id. */
  readonly id: string;
  /** How long the stream is kept, in ms. */
  readonly keepMs: number;
  /** The scope of the request's idempotency key, as its job has it. */
  readonly claim?: string | undefined;
  /** Whether the request's body has its own key, which another run may need. */
  readonly hasStoredBody?: boolean;
}

/** Where a kept stream goes on that was taken over. */
export interface TakenOver {
  /** How many bytes it has. */
  readonly offset: number;
  /** How many entries with bytes it has. */
  readonly entries: number;
  /** Of its last event, empty if that has none; undefined if it does not end between two events. */
  readonly lastId: string | undefined;
}

/** Redis's error for an entry whose id is not above the last one. */
const notAbove = /equal or smaller/;

/**
 * The kept streams that the worker of one replica writes. Appends are plain commands: Redis refuses them if
 * the key is gone, which has the worker's fence in its name.
 */
export class KeptStreams {
  readonly #redis: Redis;
  readonly #run: Run;
  readonly #keys: Keys;
  readonly #repair: KeyRepair;
  readonly #lease: Fenced;
  readonly #reader: KeptStreamReader;

  /**
   * @param connection a patient connection on which nothing waits behind many bytes.
   * @param lease the lease under which the worker answers for the replica.
   */
  constructor(connection: Connection, lease: Fenced, log: Logger) {
    this.#redis = redisOf(connection);
    this.#run = createRun(connection);
    this.#keys = keysOf(connection);
    this.#repair = new KeyRepair(connection, log, 'worker');
    this.#lease = lease;
    this.#reader = new KeptStreamReader(connection);
  }

  /**
   * Opens the stream, or the one that was taken over, from which on it counts as running.
   * @param keepMs how long it is kept, in ms.
   */
  open(id: string, head: ReplyHead, keepMs: number): Promise<KeptStreamOpened> {
    const lease = this.#lease;
    const fields = streamFields(lease.fence, head);
    return this.#withRepair(id, lease.fence, () =>
      this.#run(openKeptStream, {
        lease,
        id,
        streamTtlMs: keepMs,
        recordTtlMs: recordTtlMs(keepMs),
        fields,
      }),
    );
  }

  /**
   * Takes over a stream that another worker has begun, and reads it once, so that a stream in which bytes are
   * missing does not go on. Safe to call again after a failure.
   * @param from the fence of the other worker, as the record has it.
   */
  takeOver(
    id: string,
    from: number,
    keepMs: number,
  ): Promise<TakenOver | Exclude<KeptStreamOpened, 'opened'>> {
    const lease = this.#lease;
    return this.#withRepair(id, from, async () => {
      const tail = await this.#run(takeOverStream, { lease, id, from, streamTtlMs: keepMs });
      if (typeof tail === 'string') return tail;
      const { lastEntry, entries, fields } = tail;
      const offset = endOfEntry(lastEntry);
      const at = fields.findIndex((name, index) => index % 2 === 0 && name === 'e');
      const noted = at < 0 ? undefined : fields[at + 1];
      if (!(await this.#hasAll(id, offset))) return 'lost';
      return { offset, entries: entries - 1, lastId: offset === 0 ? '' : noted };
    });
  }

  /**
   * Appends entries, in their order, and tells those who follow the streams.
   * @returns for each entry whether the stream has it. It does not if its key is gone, or if Redis has lost
   * entries before it. Rejects if Redis refuses an entry for now: then all may be given again.
   */
  async append(appends: readonly Append[]): Promise<readonly boolean[]> {
    const answers: Promise<boolean>[] = [];
    inOneWrite(this.#redis, () => {
      for (const append of appends) answers.push(this.#add(append));
      for (const id of new Set(appends.map((append) => append.id))) this.#announce(id);
    });
    const settled = await Promise.allSettled(answers);
    const refused = settled.find((each) => each.status === 'rejected');
    if (refused !== undefined) throw refused.reason;
    return settled.map((each) => each.status === 'fulfilled' && each.value);
  }

  /**
   * Keeps streams for `keepMs` from now on, and their records for twice that. What the requests need while
   * they run is kept as long: their idempotency keys, and their bodies.
   */
  async renew(streams: readonly RenewedStream[]): Promise<void> {
    const answers: Promise<unknown>[] = [];
    inOneWrite(this.#redis, () => {
      for (const stream of streams) answers.push(...this.#renewOne(stream));
    });
    await Promise.all(answers);
  }

  #renewOne({ id, keepMs, claim, hasStoredBody = false }: RenewedStream): Promise<unknown>[] {
    const { replica } = this.#lease;
    const keys = [
      ...(claim === undefined ? [] : [this.#keys.idempotency(claim)]),
      ...(hasStoredBody ? [this.#keys.requestBody(replica, id)] : []),
    ];
    return [
      this.#redis.pexpire(this.#key(id), keepMs),
      this.#redis.pexpire(this.#keys.request(replica, id), recordTtlMs(keepMs), 'GT'),
      ...keys.map((key) => this.#redis.pexpire(key, keepMs, 'GT')),
    ];
  }

  /** @returns whether the stream has all bytes up to an offset. */
  async #hasAll(id: string, offset: number): Promise<boolean> {
    const { replica, fence } = this.#lease;
    for (let from = 0; from < offset;) {
      // One piece at a time, since others wait on the connection.
      // oxlint-disable-next-line no-await-in-loop
      const piece = await this.#reader.read({ id, replica, fence }, from);
      if (piece === 'gone' || piece === 'gap' || piece.end === from) return false;
      from = piece.end;
    }
    return true;
  }

  #key(id: string): string {
    const { replica, fence } = this.#lease;
    return this.#keys.keptStream(replica, id, fence);
  }

  async #add(append: Append): Promise<boolean> {
    const [key, id] = [this.#key(append.id), entryId(append.end)];
    try {
      return (await this.#redis.xadd(key, 'NOMKSTREAM', id, ...entryFields(append))) !== null;
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'ReplyError') throw error;
      if (error.message.startsWith('WRONGTYPE')) return false;
      if (!notAbove.test(error.message)) throw error;
      // It was sent twice, because the connection broke before the first answer.
      return (await this.#redis.xrevrange(key, id, id, 'COUNT', 1)).length === 1;
    }
  }

  /** A message that is lost is made up for: followers ask every second. */
  #announce(id: string): void {
    this.#redis.publish(this.#keys.bytesChannel(this.#lease.replica, id), '').catch(() => undefined);
  }

  #withRepair<T>(id: string, fence: number, act: () => Promise<T>): Promise<T> {
    const [keys, { replica }] = [this.#keys, this.#lease];
    return this.#repair.withRepair(act, (): ExpectedKey[] => [
      ...expectedOfRequest(keys, replica, id),
      ...expectedOfQueue(keys, keys.queue(replica)),
      expectedOfFence(keys, replica),
      { key: keys.streams(replica), type: 'set' },
      ...[this.#key(id), keys.keptStream(replica, id, fence)].map((key) => ({
        key,
        type: 'stream' as const,
      })),
    ]);
  }
}
