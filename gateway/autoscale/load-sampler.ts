import type { ReplicaLoad } from './load.ts';
import type { Logger } from '#shared/process/logger.ts';
import { LeaseReader } from '#shared/store/lease/lease-reader.ts';
import { QueueDepths } from '#shared/store/queue/queue-depths.ts';
import { pausedAmong } from '#shared/store/queue/queue-pauses.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { PublishedStatus } from '#shared/store/ring/published-status.ts';
import type { RingState } from '#shared/store/ring/ring-store.ts';
import { countedReplicas, isServing } from './standing.ts';
import type { ReplicaFacts } from './standing.ts';

/** What was read of the replicas. */
export interface LoadReading {
  readonly facts: ReplicaFacts;
  /** The load of the replicas that count; or why it is not known. That is not the same as no load. */
  readonly load: readonly ReplicaLoad[] | { readonly unknown: string };
}

/** Reads the load of the replicas: one round trip, and one command for each replica and kind. */
export class LoadSampler {
  readonly #connection: Connection;
  readonly #status: PublishedStatus;
  readonly #depths: QueueDepths;
  readonly #leases: LeaseReader;

  constructor(connection: Connection, log: Logger) {
    this.#connection = connection;
    this.#status = new PublishedStatus(connection, log);
    this.#depths = new QueueDepths(connection, log);
    this.#leases = new LeaseReader(connection);
  }

  /** @param concurrency of a replica whose worker has not said it yet. */
  async read(state: RingState, concurrency: number): Promise<LoadReading> {
    const names = state.desired.map(({ name }) => name);
    const [status, jobs, workers, paused] = await Promise.all([
      this.#status.read(),
      this.#depths.countRunnable(names),
      this.#leases.readNumbers(names),
      pausedAmong(this.#connection, names),
    ]);
    const facts: ReplicaFacts = { paused, statusOf: status.of };
    const counted = countedReplicas(state, facts);
    const serving = new Set(counted.filter((name) => isServing(name, state, facts)));
    const weights = new Map(state.desired.map(({ name, weight }) => [name, weight]));
    const load: ReplicaLoad[] = [];
    for (const name of counted) {
      const worker = workers.get(name)?.load;
      const count = jobs.get(name);
      if (count === undefined) return { facts, load: { unknown: `the queue of ${name} cannot be read` } };
      // The worker of one that sleeps is gone, and uses nothing.
      if (worker === undefined && serving.has(name) && status.of(name)?.state === 'ready')
        return { facts, load: { unknown: `the worker of ${name} has not said how busy it is` } };
      load.push({
        name,
        jobs: count,
        concurrency: worker?.concurrency ?? concurrency,
        utilisation: worker?.utilisation ?? 0,
        serving: serving.has(name),
        weight: weights.get(name) ?? 1,
        growing: (state.slowStarts.get(name)?.tenths ?? 10) < 10,
      });
    }
    if (serving.size === 0) return { facts, load: { unknown: 'no replica that counts serves requests' } };
    return { facts, load };
  }
}
