import { parsePolicy, parseStandBy, policyField } from '../../contract/joining.ts';
import type { Announced } from '../../contract/joining.ts';
import { parseMember } from '../../ring/member.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { announce, withdrawAnnouncement } from '../scripts/joins.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';

/** What a worker that joins by itself knows of its replica. */
export interface Membership {
  /** Whether its replica is desired. */
  readonly desired: boolean;
  /** Whether its replica is desired because a worker has announced itself. */
  readonly byItself: boolean;
  /** Whether the leading controller lets replicas join by themselves. */
  readonly allowed: boolean;
  /** Why this worker stands by; undefined if the controller has not said. */
  readonly reason: string | undefined;
}

/** The announcements of workers, as a worker writes them. */
export class AnnouncementStore {
  readonly #connection: Connection;
  readonly #worker: Announced;
  readonly #run: Run;

  constructor(connection: Connection, worker: Announced) {
    this.#connection = connection;
    this.#worker = worker;
    this.#run = createRun(connection);
  }

  /** Announces this worker, or renews its announcement. */
  async announce(): Promise<void> {
    await this.#run(announce, this.#worker);
  }

  /**
   * Withdraws the announcement.
   * @param departs whether the replica is to leave with its worker.
   */
  async withdraw(departs: boolean): Promise<void> {
    await this.#run(withdrawAnnouncement, { worker: this.#worker, departs });
  }

  /** Reads in one round trip what becomes of the announcement. */
  async read(): Promise<Membership> {
    const redis = redisOf(this.#connection);
    const { desired, joining } = keysOf(this.#connection);
    const { name } = this.#worker;
    const [member, [policy, standBy]] = await Promise.all([
      redis.hget(desired, name),
      redis.hmget(joining, policyField, name),
    ]);
    return {
      desired: member !== null,
      byItself: member !== null && parseMember(name, member)?.joinedBy === 'worker',
      allowed: parsePolicy(policy ?? '') !== undefined,
      reason: parseStandBy(standBy ?? '')?.reason,
    };
  }

  /** @returns whether a newer worker of the same replica has started and waits for the lease. */
  async hasSuccessor(): Promise<boolean> {
    const { name, generation } = this.#worker;
    const standby = await redisOf(this.#connection).get(keysOf(this.#connection).standby(name));
    return standby !== null && Number(standby) > generation;
  }
}
