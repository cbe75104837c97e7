import type { DeadLetterSummary } from '../../contract/dead-letter.ts';
import type { JobData } from '../../contract/job.ts';
import type { ReplyFrame } from '../../contract/reply.ts';
import { encodeReply } from '../../contract/reply.ts';
import { readRecord } from '../../contract/request-record.ts';
import type { RequestRecord } from '../../contract/request-record.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import { KeptStreamReader } from '../streams/kept-stream-reader.ts';
import { nullIfWrongType } from '../repair/key-repair.ts';

/**
 * @returns a request's record, and its remaining TTL in ms; undefined if there is none that can be
 * read.
 */
export async function readLivingRecord(
  connection: Connection,
  replica: string,
  id: string,
): Promise<{ readonly record: RequestRecord; readonly ttlMs: number } | undefined> {
  const redis = redisOf(connection);
  const key = keysOf(connection).request(replica, id);
  const [hash, ttlMs] = await Promise.all([nullIfWrongType(redis.hgetall(key)), redis.pttl(key)]);
  const record = readRecord(hash ?? {}, clockOf(connection).now());
  return record === undefined ? undefined : { record, ttlMs };
}

/** What Redis has of a request that has ended. */
export interface EndedRequest {
  /** Undefined if there is no readable record. */
  readonly record: RequestRecord | undefined;
  /**
   * The frame of the kept reply, or of the kept stream if that is complete; empty if there is none. It has at
   * least one byte more than asked for if it is longer.
   */
  readonly frame: Buffer;
  /** The request's body, if it was asked for and has its own key. */
  readonly body: Buffer | null;
}

/**
 * Reads what Redis has of a request that has ended.
 * @param connection a connection for large values, if the body is read.
 * @param clock gives Redis time. A connection for large values has no measured clock.
 */
export async function readEndedRequest(
  connection: Connection,
  replica: string,
  id: string,
  clock: RedisClock,
  { maxReplyBytes, withBody }: { readonly maxReplyBytes: number; readonly withBody: boolean },
): Promise<EndedRequest> {
  const [redis, keys] = [redisOf(connection), keysOf(connection)];
  const [hash, frame, body] = await Promise.all([
    redis.hgetall(keys.request(replica, id)),
    redis.getrangeBuffer(keys.keptReply(replica, id), 0, maxReplyBytes),
    withBody ? redis.getBuffer(keys.requestBody(replica, id)) : null,
  ]);
  const record = readRecord(hash, clock.now());
  const { length } = record?.stream ?? {};
  if (record === undefined || length === undefined) return { record, frame, body };
  const bytes = Math.min(length, maxReplyBytes + 1);
  const kept = await new KeptStreamReader(connection).readReply({ id, replica, record }, bytes);
  const streamed = kept === undefined ? '' : encodeReply(id, { ...kept, body: kept.body ?? '' });
  return { record, frame: Buffer.from(streamed), body };
}

/** A dead letter as a worker writes it, without its secrets. */
export interface WrittenLetter {
  readonly summary: DeadLetterSummary;
  readonly job: JobData;
  /** Whether bodies are kept. */
  readonly bodies: 'keep' | 'none';
  /** The request's body if it does not travel in its job. */
  readonly body: Buffer | null;
  readonly reply: ReplyFrame | undefined;
}

/**
 * Files a dead letter, and removes the letters that have expired from the list of all.
 * @param ttlMs how long letters are kept, in ms.
 * @param now Redis time, in ms since the epoch.
 */
export async function fileDeadLetter(
  connection: Connection,
  { summary, job, bodies, body, reply }: WrittenLetter,
  ttlMs: number,
  now: number,
): Promise<void> {
  const keys = keysOf(connection);
  const letter = keys.deadLetter(summary.id);
  const fields: (string | Buffer)[] = ['summary', JSON.stringify(summary), 'job', JSON.stringify(job)];
  fields.push('bodies', bodies);
  if (body !== null) fields.push('body', body);
  if (reply !== undefined) fields.push('reply', reply);
  const results = await redisOf(connection)
    .multi()
    .hset(letter, ...fields)
    .pexpire(letter, ttlMs)
    .zadd(keys.deadLetters, summary.ended, summary.id)
    .zremrangebyscore(keys.deadLetters, 0, now - ttlMs)
    .pexpire(keys.deadLetters, ttlMs)
    .exec();
  const failed = results?.find(([error]) => error !== null);
  if (failed?.[0]) throw failed[0];
}
