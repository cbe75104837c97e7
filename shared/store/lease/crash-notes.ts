import type { Redis } from '../redis/access.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { partsOf } from '../redis/many-texts.ts';

/** The last crash of a replica's worker. Several processes write it, each the part that it knows. */
export interface CrashNote {
  /** The generation that crashed. */
  readonly generation: number;
  /** When it was noticed, in ms since the epoch. */
  readonly at?: number;
  /** For people, e.g. `exited with code 1`. */
  readonly reason?: string;
  /** The last lines that the worker, or the program of `COMMAND`, wrote to stderr. */
  readonly stderr?: readonly string[];
  /** Ids of the requests that it was running. */
  readonly requests?: readonly string[];
}

/** What is kept of the stderr of a worker. */
const maxLines = 20;
const maxBytes = 4096;

/** How long a crash is shown, in ms. */
const crashTtlMs = 3_600_000;

/** The last crash of each replica's worker, in Redis. */
export class CrashNotes {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(connection: Connection) {
    this.#redis = redisOf(connection);
    this.#keys = keysOf(connection);
  }

  /**
   * Adds what is known of a crash to what other processes noted of the crash of the same generation. A
   * further reason is appended to the one that is there, and lines of stderr that are there stay. Does
   * nothing if a newer generation has crashed.
   */
  async note(replica: string, { generation, at, reason, stderr, requests }: CrashNote): Promise<void> {
    const key = this.#keys.crash(replica);
    const [last, known, lines] = await this.#redis.hmget(key, 'generation', 'reason', 'stderr');
    if (Number(last) > generation) return;
    const same = last === String(generation);
    const fields: Record<string, string | number> = { generation };
    if (at !== undefined) fields['at'] = at;
    if (reason !== undefined) fields['reason'] = same ? joinReasons(known, reason) : reason;
    const hasLines = same && lines !== null && lines !== undefined;
    if (stderr !== undefined && !hasLines) fields['stderr'] = JSON.stringify(keptOf(stderr));
    if (requests !== undefined) fields['requests'] = JSON.stringify(requests);
    const transaction = this.#redis.multi();
    if (!same) transaction.del(key);
    await transaction.hset(key, fields).pexpire(key, crashTtlMs).exec();
  }

  /**
   * Reads the last crashes of replicas. One command for 256 of them finds out whether there are any.
   * @returns those that are remembered and can be read.
   */
  async readAll(replicas: readonly string[]): Promise<ReadonlyMap<string, CrashNote>> {
    const read = async (part: readonly string[]): Promise<readonly (readonly [string, CrashNote])[]> => {
      if ((await this.#redis.exists(part.map((name) => this.#keys.crash(name)))) === 0) return [];
      const notes = await Promise.all(part.map((name) => this.read(name).catch(() => undefined)));
      return part.flatMap((name, at) => (notes[at] === undefined ? [] : [[name, notes[at]] as const]));
    };
    return new Map((await Promise.all(Array.from(partsOf(replicas), read))).flat());
  }

  /** @returns the last crash of a replica's worker, while it is remembered. */
  async read(replica: string): Promise<CrashNote | undefined> {
    const { generation, at, reason, stderr, requests } = await this.#redis.hgetall(this.#keys.crash(replica));
    if (generation === undefined || !Number.isSafeInteger(Number(generation))) return undefined;
    const [lines, ids] = [parseTexts(stderr), parseTexts(requests)];
    return {
      generation: Number(generation),
      ...(Number.isSafeInteger(Number(at)) ? { at: Number(at) } : {}),
      ...(reason === undefined ? {} : { reason }),
      ...(lines === undefined ? {} : { stderr: lines }),
      ...(ids === undefined ? {} : { requests: ids }),
    };
  }
}

/** @returns the last lines of stderr that are kept: 20 lines and 4 KiB at most. */
function keptOf(lines: readonly string[]): string[] {
  const kept: string[] = [];
  let bytes = 0;
  for (const line of lines.slice(-maxLines).toReversed()) {
    bytes += Buffer.byteLength(line) + 1;
    if (bytes > maxBytes) break;
    kept.unshift(line);
  }
  return kept;
}

/** @returns both reasons, or one if it contains the other. */
function joinReasons(known: string | null | undefined, reason: string): string {
  if (known === null || known === undefined || known === reason) return reason;
  return known.endsWith(`; ${reason}`) ? known : `${known}; ${reason}`;
}

/** @returns a list of texts from its JSON; undefined if it is not one. */
function parseTexts(json: string | undefined): string[] | undefined {
  if (json === undefined) return undefined;
  try {
    const list: unknown = JSON.parse(json);
    return Array.isArray(list) ? list.map(String) : undefined;
  } catch {
    return undefined;
  }
}
