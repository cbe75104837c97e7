import type { Fenced } from '../../contract/fenced.ts';
import type { PartedFrame } from '../../contract/frame.ts';
import type { ReplyFrame } from '../../contract/reply.ts';
import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { inOneWrite } from '../redis/open-redis.ts';
import { pushUncopied } from '../redis/uncopied.ts';
import { expectedOfConsumer } from '../repair/expected-keys.ts';
import { KeyRepair } from '../repair/key-repair.ts';
import { inboxTtlMs } from '../replies/inbox-ttl.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';
import { endStreams, openStreams } from '../scripts/streams.ts';
import type { StreamEnd, StreamHead } from '../scripts/streams.ts';

export type { StreamEnd, StreamHead } from '../scripts/streams.ts';

export interface LiveStreamsOptions {
  /** For heads and ends. */
  readonly connection: Connection;
  /**
   * @returns the connection for chunks, which others of many bytes may share. It is asked for once needed.
   */
  readonly ofBytes: () => Connection;
  /** The lease under which the worker answers for the replica. */
  readonly lease: Fenced;
  readonly log: Logger;
}

/** How often the TTL of an inbox is renewed that gets chunks, in ms. */
const renewalMs = 10_000;

/**
 * The streams of one replica that are sent to gateways. The first chunk of a stream must wait for the answer
 * to its head, and its end for the answer to its last chunk, because they travel on different connections.
 *
 * A garbled key is moved aside, or a controller is asked to do so. Then a call is repeated, or rejects and
 * can be repeated.
 */
export class LiveStreams {
  readonly #run: Run;
  readonly #keys: Keys;
  readonly #ofBytes: () => Connection;
  readonly #lease: Fenced;
  readonly #repair: KeyRepair;
  /** When the TTL of each gateway's inbox was renewed with a chunk. */
  readonly #renewed = new Map<string, number>();

  constructor({ connection, ofBytes, lease, log }: LiveStreamsOptions) {
    this.#run = createRun(connection);
    this.#keys = keysOf(connection);
    this.#ofBytes = ofBytes;
    this.#lease = lease;
    this.#repair = new KeyRepair(connection, log, 'worker');
  }

  /**
   * Sends heads, and moves their jobs from the active ones to the streams.
   * @returns whether it was done: nothing was if another worker has taken the lease.
   */
  open(gateway: string, heads: readonly StreamHead[]): Promise<boolean> {
    const call = { lease: this.#lease, gateway, ttlMs: inboxTtlMs, heads };
    return this.#repairing(gateway, () => this.#run(openStreams, call));
  }

  /**
   * Sends chunks, or that streams are blocked. Another worker may have taken the lease: the gateway knows by
   * the fence in each frame. The next push to a gateway should wait for the answer to this one: if Redis
   * refused this one alone, its frames would come after those of the next one, which is a gap.
   * @returns once they are in the inbox, in this order.
   */
  push(gateway: string, frames: readonly (ReplyFrame | PartedFrame)[]): Promise<void> {
    const redis = redisOf(this.#ofBytes());
    const inbox = this.#keys.inbox(this.#lease.replica, gateway);
    return this.#repairing(gateway, () => this.#push(redis, gateway, inbox, frames));
  }

  /**
   * Sends ends and aborts, and finishes their jobs.
   * @returns whether it was done: nothing was if another worker has taken the lease.
   */
  end(gateway: string, ends: readonly StreamEnd[]): Promise<boolean> {
    const call = { lease: this.#lease, gateway, ttlMs: inboxTtlMs, ends };
    return this.#repairing(gateway, () => this.#run(endStreams, call));
  }

  async #push(
    redis: Redis,
    gateway: string,
    inbox: string,
    frames: readonly (ReplyFrame | PartedFrame)[],
  ): Promise<void> {
    const now = performance.now();
    const renews = now - (this.#renewed.get(gateway) ?? Number.NEGATIVE_INFINITY) >= renewalMs;
    if (renews) {
      for (const [name, at] of this.#renewed) if (now - at >= renewalMs) this.#renewed.delete(name);
      this.#renewed.set(gateway, now);
    }
    const answers: Promise<unknown>[] = [];
    inOneWrite(redis, () => {
      answers.push(pushUncopied(redis, inbox, frames));
      if (renews) answers.push(redis.pexpire(inbox, inboxTtlMs));
    });
    await Promise.all(answers);
  }

  #repairing<T>(gateway: string, act: () => Promise<T>): Promise<T> {
    return this.#repair.withRepair(act, () => expectedOfConsumer(this.#keys, this.#lease, [gateway]));
  }
}
