import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';

/** Who reads BullMQ's events of a namespace. */
export interface FoundReaders {
  /** The replicas whose queues have readers. They need not exist. */
  readonly replicas: readonly string[];
  /** Whether there are readers of which nobody can say what they read. */
  readonly others: boolean;
}

/** A client in the answer of `CLIENT LIST`. */
const listed = /^.* name=(\S*) .*\bcmd=(\S+)/gm;

/** The end of the names that BullMQ's `QueueEvents` gives its connections. */
const suffix = ':qe';

/**
 * Finds readers of events among the clients of a Redis. BullMQ names a connection of its `QueueEvents`
 * `<prefix>:<base64 of the queue's name>:qe`. It does so once: the name is lost when the connection breaks,
 * and on a Cluster it may go to another server. So whoever reads a stream on a connection with another name
 * counts as well. ringpost itself never does (`XREAD`).
 * @param clients the answer of `CLIENT LIST`.
 * @param prefix BullMQ's prefix.
 */
export function readersAmong(clients: string, prefix: string): FoundReaders {
  const replicas = new Set<string>();
  let others = false;
  for (const [, name = '', command = ''] of clients.matchAll(listed)) {
    if (!name.endsWith(suffix)) others ||= command === 'xread';
    else if (name.startsWith(`${prefix}:`)) {
      const queue = Buffer.from(name.slice(prefix.length + 1, -suffix.length), 'base64').toString();
      const [, replica] = /^\{([^{}]+)\}$/.exec(queue) ?? [];
      if (replica !== undefined) replicas.add(replica);
    }
  }
  return { replicas: [...replicas], others };
}

/** Finds who reads BullMQ's events, and tells the scripts that write them. */
export class EventReaders {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Claims the next look for readers, so that of all gateways one looks at a time.
   * @param ttlMs time in ms after which a gateway may look again.
   */
  async claimLook(ttlMs: number): Promise<boolean> {
    const { eventReadersSought } = keysOf(this.#connection);
    const redis = redisOf(this.#connection);
    return (await redis.set(eventReadersSought, '1', 'PX', Math.ceil(ttlMs), 'NX')) === 'OK';
  }

  /** @returns the readers; undefined if Redis refuses to list its clients. */
  async find(): Promise<FoundReaders | undefined> {
    try {
      const clients = await redisOf(this.#connection).client('LIST');
      return readersAmong(String(clients), keysOf(this.#connection).prefix);
    } catch (error) {
      // The user may not, or a provider has renamed or removed the command.
      if (error instanceof Error && /^(?:NOPERM|ERR unknown)/.test(error.message)) return undefined;
      throw error;
    }
  }

  /** From now on the events of these queues are written, for `ttlMs`. */
  async mark(replicas: Iterable<string>, ttlMs: number): Promise<void> {
    const keys = keysOf(this.#connection);
    const redis = redisOf(this.#connection);
    await Promise.all(
      Array.from(replicas, (replica) => redis.set(keys.eventReaders(replica), '1', 'PX', Math.ceil(ttlMs))),
    );
  }
}
