import { driverKind, driverTrouble } from '../../contract/replica-status.ts';
import type { ReplicaStatus } from '../../contract/replica-status.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';

/** Publishes the states of the replicas. Only what has changed is written. */
export class StatusPublisher {
  readonly #connection: Connection;
  readonly #driver: string;
  #written: ReadonlyMap<string, string> = new Map();

  /** @param driver the kind of the driver that runs the replicas. */
  constructor(connection: Connection, driver: string) {
    this.#driver = driver;
    this.#connection = connection;
  }

  /** Makes the next call write everything: another controller may have written in the meantime. */
  forget(): void {
    this.#written = new Map();
  }

  /** @param trouble why the driver cannot start or end workers, if it cannot. */
  async publish(statuses: ReadonlyMap<string, ReplicaStatus>, trouble: string | undefined): Promise<void> {
    const redis = redisOf(this.#connection);
    const { status } = keysOf(this.#connection);
    const current = new Map(Array.from(statuses, ([name, each]) => [name, JSON.stringify(each)]));
    current.set(driverKind, this.#driver);
    if (trouble !== undefined) current.set(driverTrouble, trouble);
    // The numbers differ if a field was moved aside, or if Redis lost it.
    if ((await redis.hlen(status)) !== this.#written.size)
      this.#written = new Map((await redis.hkeys(status)).map((name) => [name, '']));
    const written = this.#written;
    const changed = [...current].filter(([name, json]) => written.get(name) !== json);
    const gone = [...written.keys()].filter((name) => !current.has(name));
    if (changed.length > 0) await redis.hset(status, Object.fromEntries(changed));
    if (gone.length > 0) await redis.hdel(status, ...gone);
    this.#written = current;
  }
}
