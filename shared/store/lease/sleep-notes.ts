import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { scorePerMs } from '../redis/bullmq-time.ts';
import { textsOrNull } from '../redis/many-texts.ts';
import { fallAsleep } from '../scripts/leases.ts';
import type { SleepTerms } from '../scripts/leases.ts';
import { createRun } from '../scripts/script.ts';

export type { SleepTerms } from '../scripts/leases.ts';

/** Says that a replica sleeps. It is in the place of its consumer's registration, until a worker starts. */
export interface SleepNote {
  /** The generation of the worker that was ended. */
  readonly generation: number;
  /** In ms since the epoch. */
  readonly since: number;
  /** Whether a job was added since. */
  readonly waking: boolean;
}

/** A replica that sleeps, and what waits for it. */
export interface Sleeper extends SleepNote {
  /** How many jobs a worker could take now, and how many one has. */
  readonly held: number;
  /** When the next delayed job is due, in ms since the epoch; undefined if there is none. */
  readonly dueAt: number | undefined;
}

/** @returns undefined if `text` is no note. */
export function parseSleepNote(text: string): SleepNote | undefined {
  const [, word, generation, since] = /^(asleep|waking) (\d{1,16}) (\d{1,16}) ./.exec(text) ?? [];
  return word === undefined
    ? undefined
    : { generation: Number(generation), since: Number(since), waking: word === 'waking' };
}

/** Reads and writes which replicas sleep (ADR 0063). */
export class SleepNotes {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** @returns the notes of those replicas that have one: one round trip. */
  async readAll(replicas: readonly string[]): Promise<ReadonlyMap<string, SleepNote>> {
    const keys = keysOf(this.#connection);
    const consumers = replicas.map((name) => keys.consumer(name));
    const texts = await textsOrNull(this.#connection, consumers);
    return new Map(
      replicas.flatMap((name, at) => {
        const note = parseSleepNote(texts[at] ?? '');
        return note === undefined ? [] : [[name, note] as const];
      }),
    );
  }

  /** @returns what waits for replicas that sleep: one round trip, or none if there are none. */
  async sleepers(notes: ReadonlyMap<string, SleepNote>): Promise<ReadonlyMap<string, Sleeper>> {
    const found = await Promise.all(
      Array.from(notes, async ([name, note]) => [name, { ...note, ...(await this.#waiting(name)) }] as const),
    );
    return new Map(found);
  }

  /**
   * Notes that a replica sleeps, if its queue is empty and its worker is idle. In the same step it is made
   * sure that both still hold.
   * @returns whether the replica sleeps, so that its worker may be ended.
   */
  fallAsleep(replica: string, terms: SleepTerms): Promise<boolean> {
    return createRun(this.#connection)(fallAsleep, { replica, ...terms });
  }

  async #waiting(replica: string): Promise<Pick<Sleeper, 'held' | 'dueAt'>> {
    const redis = redisOf(this.#connection);
    const keys = keysOf(this.#connection);
    const { wait, active, prioritized, delayed } = keys.unfinished(replica);
    const [[, score], ...counts] = await Promise.all([
      redis.zrange(delayed, 0, '0', 'WITHSCORES'),
      redis.llen(wait),
      redis.llen(active),
      redis.zcard(prioritized),
      redis.scard(keys.streams(replica)),
      redis.scard(keys.suspects(replica)),
    ]);
    return {
      held: counts.reduce((sum, count) => sum + count, 0),
      dueAt: score === undefined ? undefined : Math.floor(Number(score) / scorePerMs),
    };
  }
}
