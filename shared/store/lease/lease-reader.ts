import type { WorkerNumbersView } from '../../contract/api/replicas.ts';
import { parseLease } from '../../contract/lease.ts';
import type { Lease, WorkerLoad } from '../../contract/lease.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { texts, textsOrNull } from '../redis/many-texts.ts';
import { GarbledError, nullIfWrongType } from '../repair/key-repair.ts';

/** What a worker says of itself. */
export type ReadNumbers = WorkerNumbersView & { readonly load?: WorkerLoad };

/** Reads the leases of the replicas' workers. */
export class LeaseReader {
  readonly #connection: Connection;
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
  }

  /** @returns whether a worker has the replica's lease. */
  async exists(replica: string): Promise<boolean> {
    return (await this.#redis.exists(this.#keys.lease(replica))) === 1;
  }

  /** @returns the lease; undefined if there is none, or it cannot be read: the worker writes it again. */
  async read(replica: string): Promise<Lease | undefined> {
    const json = await nullIfWrongType(this.#redis.get(this.#keys.lease(replica)));
    return json === null ? undefined : parseLease(json);
  }

  /** @returns the fence under which the lease was taken last; undefined if it is not known. */
  async readFence(replica: string): Promise<number | undefined> {
    const fence = Number(
      (await nullIfWrongType(this.#redis.get(this.#keys.leaseFence(replica)))) ?? Number.NaN,
    );
    return Number.isSafeInteger(fence) ? fence : undefined;
  }

  /**
   * Reads what the workers of replicas say of themselves, in one round trip.
   * @returns it by replica. Left out are those without a worker of their own, or with one that says nothing.
   */
  async readNumbers(replicas: readonly string[]): Promise<ReadonlyMap<string, ReadNumbers>> {
    const numbers = new Map<string, ReadNumbers>();
    for (const [name, lease] of await this.readReadable(replicas)) {
      if (lease.numbers === undefined || lease.adopter !== undefined) continue;
      const { pid, host, started: since } = lease;
      numbers.set(name, { ...lease.numbers, pid, host, since });
    }
    return numbers;
  }

  /**
   * Reads leases in one round trip.
   * @returns the leases of those replicas that have one that can be read.
   */
  async readReadable(replicas: readonly string[]): Promise<ReadonlyMap<string, Lease>> {
    const keys = replicas.map((name) => this.#keys.lease(name));
    const leases = new Map<string, Lease>();
    for (const [at, text] of (await textsOrNull(this.#connection, keys)).entries()) {
      const lease = text === null ? undefined : parseLease(text);
      const name = replicas[at];
      if (lease !== undefined && name !== undefined) leases.set(name, lease);
    }
    return leases;
  }

  /**
   * Reads leases in one round trip.
   * @returns the leases of those replicas that have one.
   * @throws {GarbledError} if one cannot be read: such a replica may well have a worker.
   */
  async readAll(replicas: readonly string[]): Promise<ReadonlyMap<string, Lease>> {
    const keys = replicas.map((name) => this.#keys.lease(name));
    const read = await texts(this.#connection, keys);
    const leases = new Map<string, Lease>();
    for (const [at, name] of replicas.entries()) {
      const text = read[at] ?? null;
      if (text !== null) leases.set(name, checkedLease(text));
    }
    return leases;
  }
}

function checkedLease(text: string): Lease {
  const lease = parseLease(text);
  if (lease === undefined) throw new GarbledError('a lease cannot be read');
  return lease;
}
