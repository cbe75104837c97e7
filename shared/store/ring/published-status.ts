import { driverKind, driverTrouble, parseStatus } from '../../contract/replica-status.ts';
import type { ReplicaStatus } from '../../contract/replica-status.ts';
import type { Logger } from '../../process/logger.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { expectedOfRing } from '../repair/expected-keys.ts';
import { KeyRepair } from '../repair/key-repair.ts';

/** What the leading controller last published. */
export interface Published {
  /** @returns the status of a replica; undefined if none was published that can be read. */
  readonly of: (replica: string) => ReplicaStatus | undefined;
  /** Why the controller's driver cannot start or end workers, if it cannot. */
  readonly trouble: string | undefined;
}

/** The states of the replicas in Redis, as gateways read them. The leading controller publishes them. */
export class PublishedStatus {
  readonly #connection: Connection;
  readonly #repair: KeyRepair;

  constructor(connection: Connection, log: Logger) {
    this.#connection = connection;
    this.#repair = new KeyRepair(connection, log);
  }

  async read(): Promise<Published> {
    const keys = keysOf(this.#connection);
    const fields = await this.#repair.withRepair(
      () => redisOf(this.#connection).hgetall(keys.status),
      () => expectedOfRing(keys),
    );
    const texts = new Map(Object.entries(fields));
    return {
      of: (replica) => this.#statusOf(replica, texts.get(replica)),
      trouble: texts.get(driverTrouble),
    };
  }

  /** @returns the kind of the driver that runs the replicas; undefined if no controller has said so. */
  async driver(): Promise<string | undefined> {
    const kind = await redisOf(this.#connection).hget(keysOf(this.#connection).status, driverKind);
    return kind ?? undefined;
  }

  /** @returns why the controller's driver cannot start or end workers, if it cannot. */
  async trouble(): Promise<string | undefined> {
    const trouble = await redisOf(this.#connection).hget(keysOf(this.#connection).status, driverTrouble);
    return trouble ?? undefined;
  }

  #statusOf(replica: string, text: string | undefined): ReplicaStatus | undefined {
    const status = text === undefined ? undefined : parseStatus(text);
    // The controller publishes the status again.
    if (text !== undefined && status === undefined)
      this.#repair.aside.field(keysOf(this.#connection).status, replica, text).catch(() => undefined);
    return status;
  }
}
