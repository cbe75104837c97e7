import { callerField, encodeCaller } from '../../contract/caller.ts';
import type { Caller } from '../../contract/caller.ts';
import type { HttpReply } from '../../contract/http.ts';
import { encodeReply } from '../../contract/reply.ts';
import { replicaOf } from '../../contract/request-id.ts';
import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import { expectedOfRequest } from '../repair/expected-keys.ts';
import { KeyRepair, nullIfWrongType } from '../repair/key-repair.ts';
import { inboxTtlMs } from '../replies/inbox-ttl.ts';
import { RequestNotes } from './request-notes.ts';
import type { KnownRequest } from './request-records.ts';
import { cancelRequest, endUnstarted, markCancelled } from '../scripts/request-ends.ts';
import type { CancelOutcome } from '../scripts/request-ends.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';

/**
 * Ends requests from a gateway. The record decides: a worker notes there that it starts a request before it
 * does, and does not start a request that has ended.
 */
export class RequestEnds {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #clock: RedisClock;
  readonly #run: Run;
  readonly #notes: RequestNotes;
  readonly #repair: KeyRepair;

  /** @param connection a fail-fast connection. */
  constructor(connection: Connection, log: Logger) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#clock = clockOf(connection);
    this.#run = createRun(connection);
    this.#notes = new RequestNotes(connection, log);
    this.#repair = new KeyRepair(connection, log);
  }

  /** Cancels a request in its record; if it has none, its job is marked, so that no worker runs it. */
  async cancel({ id, replica }: KnownRequest): Promise<CancelOutcome> {
    const outcome = await this.#repair.withRepair(
      () => this.#run(cancelRequest, { id, replica, now: this.#clock.now() }),
      () => expectedOfRequest(this.#keys, replica, id),
    );
    // A job of another type is moved aside by its worker, and not run.
    if (outcome === 'unrecorded') await nullIfWrongType(this.#run(markCancelled, { id, replica }));
    return outcome;
  }

  /**
   * Notes that a request is cancelled whose job was taken back.
   * @param keepMs how long what is known of a request is kept, in ms.
   */
  async endTakenBack({ id, replica, record }: KnownRequest, keepMs: number): Promise<void> {
    const { method, target, accepted, deadline } = record;
    const fields = ['method', method, 'target', target, 'accepted', accepted, 'deadline', deadline];
    if (replica !== (replicaOf(id) ?? replica)) fields.push('queue', replica);
    const terms = { keepMs, deadline, ...callerField(record) };
    const finished = ['finished', this.#clock.now()];
    await this.#notes.note(replica, id, terms, 'cancelled', { kind: 'cancelled' }, [...fields, ...finished]);
  }

  /** Answers the client that waits for a request, in place of a worker. */
  async answerClient({ id, replica, gateway }: KnownRequest, reply: HttpReply): Promise<void> {
    const inbox = this.#keys.inbox(replica, gateway);
    await this.#redis.multi().rpush(inbox, encodeReply(id, reply)).pexpire(inbox, inboxTtlMs).exec();
  }

  /**
   * Ends a request at its deadline, unless it has ended.
   * @param keepMs how long what is known of a request is kept, in ms.
   */
  async expire({ id, replica, record }: KnownRequest, deadline: number, keepMs: number): Promise<void> {
    const terms = { keepMs, deadline, ...callerField(record) };
    const finished = ['finished', this.#clock.now()];
    await this.#notes.note(replica, id, terms, 'expired', { kind: 'expired' }, finished);
  }

  /**
   * Ends a request that no worker has started, so that none starts it if its job arrives later.
   * @param caller whose request it is.
   * @param ttlMs how long a gateway may still accept it, in ms.
   * @returns whether the request has not started, and never will.
   */
  async endUnstarted(id: string, caller: Caller, ttlMs: number): Promise<boolean> {
    const replica = replicaOf(id);
    // An id of another form was never accepted.
    if (replica === undefined) return true;
    const call = { id, replica, now: this.#clock.now(), ttlMs, caller: encodeCaller(caller) };
    return this.#repair.withRepair(
      () => this.#run(endUnstarted, call),
      () => expectedOfRequest(this.#keys, replica, id),
    );
  }
}
