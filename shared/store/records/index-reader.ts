import { requestId } from '../../contract/request-id.ts';
import type { Keys } from '../keys/keys.ts';
import { momentText, parseEntry } from '../keys/index-entries.ts';
import type { IndexedRequest } from '../keys/index-entries.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Redis } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { nullIfWrongType } from '../repair/key-repair.ts';

/** The part of an index whose entries begin with `prefix`. */
export interface IndexPart {
  readonly replica: string;
  readonly key: string;
  readonly prefix: string;
}

/** The end of a page: the next one begins after it. The UUID may be cut to its first digits. */
export interface Moment {
  readonly accepted: number;
  readonly uuid: string;
}

/** From when to when requests were accepted, in ms since the epoch, both included. */
export interface Period {
  readonly from: number;
  readonly to: number;
}

export interface IndexEntry extends IndexedRequest {
  readonly id: string;
  readonly part: IndexPart;
  /** As Redis has it. */
  readonly text: string;
}

/** Reads parts of the indexes of several replicas as one, the latest first. */
export class IndexReader {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(connection: Connection) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
  }

  /** @returns the part that has all requests of a replica. */
  byTime(replica: string): IndexPart {
    return { replica, key: this.#keys.requestIndexes(replica).byTime, prefix: '' };
  }

  /** @returns the part that has the requests with a hash key. */
  byKey(replica: string, digest: string): IndexPart {
    return { replica, key: this.#keys.requestIndexes(replica).byKey, prefix: `${digest} ` };
  }

  /** @returns the part that has the requests whose callbacks are in a state. */
  ofCallbacks(replica: string, state: string): IndexPart {
    return { replica, key: this.#keys.requestIndexes(replica).callbacks, prefix: `${state} ` };
  }

  /** @returns how many entries each part has, in one round trip. */
  count(parts: readonly IndexPart[]): Promise<readonly number[]> {
    return Promise.all(
      parts.map(async ({ key, prefix }) => {
        // `!` is the character after the space.
        const end = `(${prefix.slice(0, -1)}!`;
        return (await nullIfWrongType(this.#redis.zlexcount(key, `[${prefix}`, end))) ?? 0;
      }),
    );
  }

  /**
   * Reads about `count` entries in one round trip.
   * @param after the end of the page before.
   * @returns the entries, and whether there may be more of them.
   */
  async read(
    parts: readonly IndexPart[],
    { from, to }: Period,
    after: Moment | undefined,
    count: number,
  ): Promise<{ readonly entries: readonly IndexEntry[]; readonly more: boolean }> {
    const each = Math.max(20, Math.ceil((2 * count) / Math.max(1, parts.length)));
    const found = await Promise.all(
      parts.map(async (part) => {
        const { key, prefix } = part;
        const end =
          after !== undefined && after.accepted <= to ? `(${prefix}${momentText(after)}` : undefined;
        const max = end ?? `[${prefix}${momentText({ accepted: to, uuid: '~' })}`;
        const min = `[${prefix}${momentText({ accepted: from, uuid: '' })}`;
        const range = this.#redis.zrange(key, max, min, 'BYLEX', 'REV', 'LIMIT', 0, each);
        const texts = (await nullIfWrongType(range)) ?? [];
        return { entries: texts.map((text) => this.#entryOf(part, text)), isFull: texts.length === each };
      }),
    );
    // If a part has more entries than were read, entries older than the last one read must wait: unread ones
    // may come before them.
    const ends = found.flatMap(({ entries, isFull }) => (isFull ? (entries.at(-1) ?? []) : []));
    const [bar] = ends.toSorted(latestFirst);
    const all = found.flatMap(({ entries }) => entries).toSorted(latestFirst);
    const safe = bar === undefined ? all : all.filter((entry) => latestFirst(entry, bar) <= 0);
    const entries = safe.slice(0, count);
    return { entries, more: bar !== undefined || entries.length < all.length };
  }

  /** An entry that cannot be read is like that of a request that is gone: it is removed by its text. */
  #entryOf(part: IndexPart, text: string): IndexEntry {
    const known = parseEntry(text);
    const [, accepted = '0'] = /(\d{15})/.exec(text) ?? [];
    const entry = known ?? { accepted: Number(accepted), uuid: '', digest: undefined, callback: false };
    return { ...entry, id: known === undefined ? '' : requestId(known.uuid, part.replica), part, text };
  }

  /** Removes entries from their parts. */
  async remove(entries: readonly IndexEntry[]): Promise<void> {
    await Promise.all(entries.map(({ part, text }) => this.#redis.zrem(part.key, text)));
  }
}

/** Orders entries as a page has them. */
function latestFirst(one: Moment, other: Moment): number {
  if (one.accepted !== other.accepted) return other.accepted - one.accepted;
  if (one.uuid === other.uuid) return 0;
  return one.uuid < other.uuid ? 1 : -1;
}
