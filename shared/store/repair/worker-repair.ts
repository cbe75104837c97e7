import type { Fenced } from '../../contract/fenced.ts';
import type { Logger } from '../../process/logger.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import {
  expectedOfAdoption,
  expectedOfConsumer,
  expectedOfJobs,
  expectedOfReplica,
  expectedOfRequest,
} from './expected-keys.ts';
import type { ExpectedKey } from './expected-keys.ts';
import { KeyRepair } from './key-repair.ts';

/** The data that a worker was using when it failed. One of the keys behind it may be garbled. */
export interface UsedData {
  /** What the ring says about adoption. */
  readonly adoption?: boolean;
  /** Leases, queues and suspects of these replicas. */
  readonly replicas?: Iterable<string>;
  /** The queue of this replica. */
  readonly queue?: string;
  /** The queue that a worker serves under this lease, and what was delivered to its consumer. */
  readonly consumer?: Fenced;
  /** Requests of a replica, besides their jobs. */
  readonly requests?: { readonly replica: string; readonly ids: Iterable<string> };
}

/**
 * Moves aside garbled keys that make a worker fail. It asks a controller to move those that a worker may not.
 */
export class WorkerRepair {
  readonly #keys: Keys;
  readonly #repair: KeyRepair;

  constructor(connection: Connection, log: Logger) {
    this.#keys = keysOf(connection);
    this.#repair = new KeyRepair(connection, log, 'worker');
  }

  /**
   * Calls `act`. Calls it again after each failure whose cause was moved aside.
   * @param used says what `act` has used; it is only called after a failure.
   */
  withRepair<T>(act: () => Promise<T>, used: () => UsedData): Promise<T> {
    return this.#repair.withRepair(act, () => expectedOf(this.#keys, used()));
  }
}

function* expectedOf(keys: Keys, used: UsedData): Iterable<ExpectedKey> {
  const { adoption = false, replicas = [], queue, consumer, requests } = used;
  if (adoption) yield* expectedOfAdoption(keys);
  for (const name of replicas) yield* expectedOfReplica(keys, name);
  if (queue !== undefined) yield* expectedOfJobs(keys, queue);
  if (consumer !== undefined) yield* expectedOfConsumer(keys, consumer);
  if (requests === undefined) return;
  for (const id of requests.ids) yield* expectedOfRequest(keys, requests.replica, id);
}
