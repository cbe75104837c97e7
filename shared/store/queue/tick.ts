import { createRequire } from 'node:module';
import type { Fenced } from '../../contract/fenced.ts';
import type { Keys } from '../keys/keys.ts';
import { accessOf, keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import { inOneWrite } from '../redis/open-redis.ts';
import { pushFramesBefore } from '../replies/frames-before.ts';
import type { FrameBefore } from '../replies/frames-before.ts';
import type { ProtocolTrace } from '../../trace/protocol-trace.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import { expectedOfConsumer } from '../repair/expected-keys.ts';
import { KeyRepair } from '../repair/key-repair.ts';
import { withBullMq } from '../scripts/compose.ts';
import { defineScript } from '../scripts/load.ts';
import type { RunOne } from '../scripts/load.ts';
import { tick } from '../scripts/tick.ts';
import { inboxTtlMs } from '../replies/inbox-ttl.ts';
import type { Ended, JobLimit, Ticked, TickTerms } from '../scripts/tick.ts';
import type { Logger } from '../../process/logger.ts';

export type { Ended, JobLimit, OutgoingReply, Ticked } from '../scripts/tick.ts';

/** The text of the tick's script, with BullMQ's own scripts in it. */
export interface TickScript {
  readonly lua: string;
}

/** @returns the script, or why it cannot be made with the BullMQ that is installed. */
export function tickScript(
  load: (module: string) => unknown = createRequire(import.meta.url),
): TickScript | { readonly fault: string } {
  const scripts = [
    ['moveToActive', 11],
    ['moveToFinished', 14],
  ] as const;
  return withBullMq('tick', scripts, ['finish-jobs', 'take-jobs'], load);
}

export interface TickOptions {
  readonly connection: Connection;
  readonly script: TickScript;
  /** The lease under which the worker serves the queue. */
  readonly lease: Fenced;
  /** The token of the locks on the jobs that are taken, once the lease is taken. */
  readonly token: () => string;
  /** The TTL of these locks in ms. */
  readonly lockMs: number;
  /** The terms' `notingMs`, as it is now; by default 0. */
  readonly notingMs?: () => number;
  readonly log: Logger;
}

/**
 * The one call with which a batched consumer works on its queue: it pushes replies, finishes jobs, and takes
 * new ones.
 */
export class Tick {
  readonly #terms: TickTerms;
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #log: Logger;
  readonly #touched: readonly string[];
  readonly #run: RunOne;
  readonly #clock: RedisClock;
  readonly #repair: KeyRepair;
  readonly #trace: ProtocolTrace | undefined;

  constructor({ connection, script, lease, token, lockMs, notingMs, log }: TickOptions) {
    this.#terms = {
      lease,
      get token() {
        return token();
      },
      lockMs,
      inboxTtlMs,
      get notingMs() {
        return notingMs?.() ?? 0;
      },
    };
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
    this.#log = log;
    this.#touched = tick.keys(this.#keys, this.#terms);
    this.#run = defineScript(this.#redis, this.#touched.length, script.lua);
    this.#clock = clockOf(connection);
    this.#repair = new KeyRepair(connection, log, 'worker');
    this.#trace = accessOf(connection).trace;
  }

  /**
   * @param ended jobs to be finished, with their replies.
   * @returns undefined if another worker has taken the lease. Then nothing was done.
   */
  async run(ended: readonly Ended[], jobLimit: JobLimit): Promise<Ticked | undefined> {
    const call = { terms: this.#terms, ended, jobLimit, now: this.#clock.now() };
    const run = (): Promise<unknown> => this.#run(...this.#touched, ...tick.args(call, this.#keys));
    const before = ended.flatMap(({ reply }) =>
      reply?.before === undefined ? [] : [{ gateway: reply.gateway, frame: reply.before }],
    );
    const runAll = async (): Promise<Ticked | undefined> =>
      tick.decode(await (before.length === 0 ? run() : this.#runAfter(before, run)));
    return this.#trace === undefined ? runAll() : this.#trace.around(tick, call, runAll);
  }

  #runAfter(before: readonly FrameBefore[], run: () => Promise<unknown>): Promise<unknown> {
    const inboxOf = (gateway: string): string => this.#keys.inbox(this.#terms.lease.replica, gateway);
    return inOneWrite(this.#redis, () => {
      pushFramesBefore(this.#redis, inboxOf, before, this.#log);
      return run();
    });
  }

  /** Moves garbled keys aside after a call has failed, so that the next one may succeed. Never rejects. */
  async repair(error: unknown, ended: readonly Ended[]): Promise<void> {
    const gateways = ended.flatMap(({ reply }) => (reply === undefined ? [] : [reply.gateway]));
    await this.#repair.after(error, () => expectedOfConsumer(this.#keys, this.#terms.lease, gateways));
  }
}
