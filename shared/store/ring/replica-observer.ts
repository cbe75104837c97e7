import type { Lease } from '../../contract/lease.ts';
import type { HeirStore } from './heir-store.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { texts } from '../redis/many-texts.ts';
import { GarbledError } from '../repair/key-repair.ts';
import { LeaseReader } from '../lease/lease-reader.ts';
import { SleepNotes } from '../lease/sleep-notes.ts';
import type { Sleeper } from '../lease/sleep-notes.ts';
import { pausedAmong } from '../queue/queue-pauses.ts';
import { countUnfinished } from '../queue/replica-queue.ts';
import type { RingState } from './ring-store.ts';

/** What Redis knows of the workers and queues of all replicas. */
export interface ObservedReplicas {
  /** The running worker of each replica that has one, by its lease. */
  readonly leases: ReadonlyMap<string, Lease>;
  /** For each replica that has one: the generation of the worker that waits for the lease to be free. */
  readonly standbys: ReadonlyMap<string, number>;
  /** For each replica that has one: the generation whose worker certainly ended a moment ago. */
  readonly ended: ReadonlyMap<string, number>;
  /**
   * For each replica that is retired, or desired and not in the ring: the unfinished jobs of its queue. Those
   * of a retired replica include its suspects.
   */
  readonly backlog: ReadonlyMap<string, number>;
  /** For each retired replica: the requests that only a worker of its own may run. */
  readonly suspects: ReadonlyMap<string, number>;
  /** For each retired replica that was replaced: the only replica that adopts its queue. */
  readonly heirs: ReadonlyMap<string, string>;
  /** The replicas whose queues are offered for adoption. */
  readonly offered: ReadonlySet<string>;
  /** The replicas whose queues are paused, by an operator or by another program. */
  readonly paused: ReadonlySet<string>;
  /** The replicas of which it is noted that they sleep. The worker of one may not have ended yet. */
  readonly sleepers: ReadonlyMap<string, Sleeper>;
}

/** Reads the state from which a controller plans. */
export class ReplicaObserver {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #heirs: HeirStore;
  readonly #leases: LeaseReader;
  readonly #sleep: SleepNotes;

  constructor(connection: Connection, heirs: HeirStore) {
    this.#connection = connection;
    this.#keys = keysOf(connection);
    this.#heirs = heirs;
    this.#leases = new LeaseReader(connection);
    this.#sleep = new SleepNotes(connection);
  }

  /**
   * Reads all of it in one round trip, whatever the number of replicas; in two if some of them sleep. What
   * all replicas have is read with one command for 256 of them.
   * @throws {GarbledError} for a value that ringpost did not write: a replica whose lease cannot be read may
   * still have a worker.
   */
  async observe({ desired, ring, retired }: RingState): Promise<ObservedReplicas> {
    const redis = redisOf(this.#connection);
    const keys = this.#keys;
    const removed = [...retired.keys()];
    const names = [...new Set([...desired.map(({ name }) => name), ...removed])];
    const outside = names.filter((name) => !ring.has(name));
    const [leases, standbys, ended, backlogs, suspectCounts, offered, heirs, paused, notes] =
      await Promise.all([
        this.#leases.readAll(names),
        this.#generations(names, (name) => keys.standby(name)),
        this.#generations(names, (name) => keys.ended(name)),
        Promise.all(outside.map((name) => countUnfinished(this.#connection, name))),
        Promise.all(removed.map((name) => redis.scard(keys.suspects(name)))),
        redis.smembers(keys.offered),
        this.#heirs.read(),
        pausedAmong(this.#connection, names),
        // After the leases: if one is no longer ready because its replica sleeps, the note is there.
        this.#sleep.readAll(names),
      ]);
    const suspects = new Map(removed.map((name, at) => [name, suspectCounts[at] ?? 0]));
    const backlog = new Map(
      outside.map((name, at) => [name, (backlogs[at] ?? 0) + (suspects.get(name) ?? 0)]),
    );
    const sleepers = await this.#sleep.sleepers(notes);
    return { leases, standbys, ended, backlog, suspects, heirs, offered: new Set(offered), paused, sleepers };
  }

  /** @returns the ids of the requests of these replicas that workers have: active ones, and streams. */
  async running(names: Iterable<string>): Promise<string[]> {
    const redis = redisOf(this.#connection);
    const ids = await Promise.all(
      Array.from(names, (name) => [
        redis.lrange(this.#keys.unfinished(name).active, 0, -1),
        redis.smembers(this.#keys.streams(name)),
      ]).flat(),
    );
    return ids.flat();
  }

  async #generations(
    names: readonly string[],
    keyOf: (name: string) => string,
  ): Promise<ReadonlyMap<string, number>> {
    const read = await texts(this.#connection, names.map(keyOf));
    const generations = new Map<string, number>();
    for (const [at, name] of names.entries()) {
      const text = read[at] ?? null;
      if (text !== null) generations.set(name, generationOf(text));
    }
    return generations;
  }
}

function generationOf(text: string): number {
  if (!/^\d{1,16}$/.test(text)) throw new GarbledError('a generation cannot be read');
  return Number(text);
}
