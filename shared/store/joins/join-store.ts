import {
  announcedText,
  parseAnnounced,
  parsePolicy,
  parseStandBy,
  policyField,
} from '../../contract/joining.ts';
import type { Announced, JoinPolicy, StandBy } from '../../contract/joining.ts';
import { isReplicaName } from '../../contract/replica-name.ts';
import type { Logger } from '../../process/logger.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { expectedOfRing } from '../repair/expected-keys.ts';
import { KeyRepair } from '../repair/key-repair.ts';
import { noteJoining, readAnnouncements } from '../scripts/joins.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';

/** What is known of replicas that join by themselves. */
export interface JoinState {
  /** What the leading controller allows; undefined if replicas do not join by themselves. */
  readonly policy: JoinPolicy | undefined;
  /** Why workers that have announced themselves stand by, by the names of their replicas. */
  readonly standingBy: ReadonlyMap<string, StandBy>;
  /** The replicas that operators have removed, with the time of `/rm` in ms since the epoch. */
  readonly tombstones: ReadonlyMap<string, number>;
}

/** The workers that have announced themselves, and those that leave for good. */
export interface Announcements {
  readonly announced: readonly Announced[];
  readonly departing: readonly Announced[];
}

/** How many announcements are read at most: workers write them, and there could be any number. */
const maxRead = 20_000;

/** What controllers and gateways know of replicas that join by themselves, in Redis. */
export class JoinStore {
  readonly #connection: Connection;
  readonly #repair: KeyRepair;
  readonly #run: Run;

  constructor(connection: Connection, log: Logger) {
    this.#connection = connection;
    this.#repair = new KeyRepair(connection, log);
    this.#run = createRun(connection);
  }

  async read(): Promise<JoinState> {
    const redis = redisOf(this.#connection);
    const keys = keysOf(this.#connection);
    const [joining, tombstones] = await this.#repairing(() =>
      Promise.all([redis.hgetall(keys.joining), redis.hgetall(keys.tombstones)]),
    );
    const { [policyField]: policy = '', ...reasons } = joining;
    return {
      policy: parsePolicy(policy),
      // One that cannot be read is replaced, or deleted.
      standingBy: parsed(reasons, (text) => parseStandBy(text) ?? { reason: '', since: 0 }),
      tombstones: parsed(tombstones, (text) => (/^\d{1,16}$/.test(text) ? Number(text) : 0)),
    };
  }

  /** Reads who has announced itself. What no worker can have written is deleted. */
  async announcements(): Promise<Announcements> {
    const read = await this.#repairing(() => this.#run(readAnnouncements, { limit: maxRead }));
    const { announcements, departures } = keysOf(this.#connection);
    const [announced, departing] = await Promise.all([
      this.#workers(announcements, read.announced),
      this.#workers(departures, read.departing),
    ]);
    return { announced, departing };
  }

  /** Deletes the departures of workers whose replicas have left. */
  async departed(workers: readonly Announced[]): Promise<void> {
    const { departures } = keysOf(this.#connection);
    if (workers.length > 0) await redisOf(this.#connection).zrem(departures, ...workers.map(announcedText));
  }

  /**
   * Notes what the leading controller allows, and why workers stand by. Only what has changed is written.
   * @param token the leadership's token.
   * @param before what was read last.
   */
  async note(
    token: string,
    before: Pick<JoinState, 'policy' | 'standingBy'>,
    after: Pick<JoinState, 'policy' | 'standingBy'>,
  ): Promise<void> {
    const [old, now] = [textsOf(before), textsOf(after)];
    const set = [...now].filter(([field, text]) => old.get(field) !== text);
    const remove = [...old.keys()].filter((field) => !now.has(field));
    if (set.length + remove.length === 0) return;
    await this.#repairing(() => this.#run(noteJoining, { token, set, remove }));
  }

  async #workers(key: string, texts: readonly string[]): Promise<Announced[]> {
    const workers: Announced[] = [];
    const garbled: string[] = [];
    for (const text of texts) {
      const worker = parseAnnounced(text);
      if (worker === undefined) garbled.push(text);
      else workers.push(worker);
    }
    if (garbled.length > 0) await redisOf(this.#connection).zrem(key, ...garbled);
    return workers;
  }

  #repairing<T>(act: () => Promise<T>): Promise<T> {
    return this.#repair.withRepair(act, () => expectedOfRing(keysOf(this.#connection)));
  }
}

function textsOf({ policy, standingBy }: Pick<JoinState, 'policy' | 'standingBy'>): Map<string, string> {
  const texts = new Map(Array.from(standingBy, ([name, each]) => [name, JSON.stringify(each)]));
  if (policy !== undefined) texts.set(policyField, JSON.stringify(policy));
  return texts;
}

function parsed<Value>(
  fields: Readonly<Record<string, string>>,
  parse: (text: string) => Value | undefined,
): ReadonlyMap<string, Value> {
  return new Map(
    Object.entries(fields).flatMap(([name, text]) => {
      const value = isReplicaName(name) ? parse(text) : undefined;
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}
