import { adopterOf, parseLease } from '../contract/lease.ts';
import type { Lease } from '../contract/lease.ts';
import { keysOf, redisOf } from './redis/access.ts';
import type { Connection } from './redis/connection.ts';
import { GarbledError, orNull } from './repair/key-repair.ts';
import { endLease } from './scripts/end-lease.ts';
import { createRun } from './scripts/script.ts';

/** The leases of all replicas, for processes that do not hold one: controllers and gateways. */
export class ReplicaLeases {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Reads leases in one round trip.
   * @returns the lease of each of these replicas whose queue is served.
   * @throws {GarbledError} if one cannot be read: such a replica may well have a worker.
   */
  async read(names: readonly string[]): Promise<ReadonlyMap<string, Lease>> {
    const texts = await Promise.all(names.map((name) => this.#get(name)));
    return leasesIn(names, texts, () => {
      throw new GarbledError('a lease cannot be read');
    });
  }

  /** The same, without the leases that cannot be read: the holder writes such a lease anew. */
  async readable(names: readonly string[]): Promise<ReadonlyMap<string, Lease>> {
    const texts = await Promise.all(names.map((name) => orNull(this.#get(name))));
    return leasesIn(names, texts, () => undefined);
  }

  /**
   * Ends the leases of a worker that has certainly ended: its own, and those of the queues that it had adopted. Then
   * tells the gateways and controllers.
   * @param recordMs how long its end is recorded for a leader that has not seen it, in ms; 0: it is not recorded.
   * @returns the lease of the worker that serves the replica's queue now, if there is one.
   */
  async endOf(replica: string, generation: number, recordMs: number): Promise<Lease | undefined> {
    const redis = redisOf(this.#connection);
    const { offered, changes } = keysOf(this.#connection);
    const run = createRun(this.#connection);
    const held = await run(endLease, { replica, holder: generation, recordMs });
    const holder = adopterOf(replica, generation);
    const queues = await redis.smembers(offered);
    await Promise.all(queues.map((each) => run(endLease, { replica: each, holder, recordMs: 0 })));
    const lease = held ? null : await this.#get(replica);
    await redis.publish(changes, `died ${replica}`);
    return lease === null ? undefined : parseLease(lease);
  }

  #get(replica: string): Promise<string | null> {
    return redisOf(this.#connection).get(keysOf(this.#connection).lease(replica));
  }
}

function leasesIn(
  names: readonly string[],
  texts: readonly (string | null)[],
  onUnreadable: () => void,
): Map<string, Lease> {
  const leases = new Map<string, Lease>();
  for (const [at, name] of names.entries()) {
    const text = texts[at] ?? null;
    if (text === null) continue;
    const lease = parseLease(text);
    if (lease === undefined) onUnreadable();
    else leases.set(name, lease);
  }
  return leases;
}
