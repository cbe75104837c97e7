/**
 * A worker that makes its replica one by itself (`REPLICA_JOIN=auto`). It is in one of these states:
 *
 *   outside --the replica is desired--> member
 *   outside, member --leave--> gone
 *
 * It announces itself until it is gone. If Redis loses the desired replicas, the announcement brings the
 * replica back, and the worker serves on.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { announceEveryMs } from '#shared/contract/joining.ts';
import { periodically } from '#shared/process/periodically.ts';
import type { Logger } from '#shared/process/logger.ts';
import { safeMessage } from '#shared/process/safe-error.ts';
import { AnnouncementStore } from '#shared/store/joins/announcement-store.ts';
import type { Membership as Seen } from '#shared/store/joins/announcement-store.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { touch } from '../lease/touch.ts';

export interface MembershipOptions {
  readonly connection: Connection;
  readonly replica: string;
  readonly generation: number;
  /** Touched while the worker stands by. */
  readonly healthFile: string | undefined;
  readonly log: Logger;
}

/** How often a worker that has announced itself looks whether it may join, in ms: at first, and later. */
const soonMs = 100;
const laterMs = 1000;
/** How long "at first" is, in ms. */
const firstMs = 3000;
/** How often the same failure is logged, in ms. */
const warnEveryMs = 60_000;

export class Membership {
  readonly #options: MembershipOptions;
  readonly #store: AnnouncementStore;
  readonly #announcing;
  readonly #leaving = new AbortController();
  #said: string | undefined;
  #warned = { message: '', at: Number.NEGATIVE_INFINITY };

  constructor(options: MembershipOptions) {
    this.#options = options;
    const { connection, replica: name, generation } = options;
    this.#store = new AnnouncementStore(connection, { name, generation });
    this.#announcing = periodically(
      announceEveryMs,
      () => this.#store.announce(),
      (error) => this.#warn(error),
    );
  }

  /**
   * Announces the worker, and goes on to do so.
   * @returns once its replica is desired; false if it was told to leave before. It waits for a controller,
   * and while that keeps it out.
   */
  async join(): Promise<boolean> {
    const { signal } = this.#leaving;
    await this.#announcing.start();
    const began = performance.now();
    while (!signal.aborted) {
      const seen = await this.#look(began);
      if (seen?.desired === true) {
        this.#options.log.info(seen.byItself ? 'joined' : 'its replica is there already');
        return true;
      }
      const pauseMs = performance.now() - began < firstMs ? soonMs : laterMs;
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    }
    return false;
  }

  /**
   * Withdraws the announcement.
   * @param mayDepart false if the replica was removed already.
   * @returns whether the replica leaves with this worker, which has to drain it first. It stays if an
   * operator has added or removed it, or if a newer worker of it takes over.
   */
  async leave(mayDepart = true): Promise<boolean> {
    await this.stop();
    const [{ byItself, desired, allowed }, hasSuccessor] = await Promise.all([
      this.#store.read(),
      this.#store.hasSuccessor(),
    ]);
    // A controller may be adding it at this moment.
    const departs = mayDepart && allowed && !hasSuccessor && (byItself || !desired);
    await this.#store.withdraw(departs);
    return departs && byItself;
  }

  /** Announces nothing more. What was announced expires. */
  stop(): Promise<void> {
    this.#leaving.abort();
    return this.#announcing.stop();
  }

  /** @returns whether a newer worker of the replica has come, which takes over at once. */
  isSucceeded(): Promise<boolean> {
    return this.#store.hasSuccessor();
  }

  /** @param began on the `performance.now()` clock. */
  async #look(began: number): Promise<Seen | undefined> {
    const { healthFile, log } = this.#options;
    try {
      // The first one need not wait for the timer.
      if (this.#said === undefined) await this.#store.announce();
      const seen = await this.#store.read();
      if (healthFile !== undefined) touch(healthFile, log);
      if (!seen.desired) this.#say(seen, performance.now() - began);
      return seen;
    } catch (error) {
      this.#warn(error);
      return undefined;
    }
  }

  /** It may go on for long, e.g. if the Redis user lacks rights. */
  #warn(error: unknown): void {
    const message = safeMessage(error);
    const now = performance.now();
    if (message === this.#warned.message && now - this.#warned.at < warnEveryMs) return;
    this.#options.log.warn({ err: error }, 'this worker could not announce itself');
    this.#warned = { message, at: now };
  }

  /** Says once why the worker waits. A controller has a moment to answer. */
  #say({ allowed, reason }: Seen, waitedMs: number): void {
    const { log, replica } = this.#options;
    if (reason === undefined && waitedMs < firstMs) {
      if (this.#said === undefined) log.info('announced; waits until its replica is one');
      this.#said ??= '';
      return;
    }
    const none = 'no controller with REPLICA_JOIN=auto leads, so nobody makes it a replica';
    const why = reason ?? (allowed ? 'the leading controller has not answered yet' : none);
    if (why !== this.#said) log.warn({ reason: why }, `${replica} stands by: ${why}`);
    this.#said = why;
  }
}
