import { timeBucketsMs } from '../../contract/gateway-report.ts';
import type { GatewayReport, ReplicaCounts } from '../../contract/gateway-report.ts';
import { isCount, isObject, parseObject } from '../../contract/json-object.ts';
import type { Logger } from '../../process/logger.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import { expectedOfRing } from '../repair/expected-keys.ts';
import { KeyRepair } from '../repair/key-repair.ts';

/** A report expires this long after it was written, in ms. */
export const reportTtlMs = 10_000;
/**
 * Every gateway reads the reports of all gateways. If they had more counts than this together, each of a
 * gateway and a replica, the reports have only sums.
 */
const maxCounts = 200;
/** How long the counts by replica are written after somebody has looked at them, in ms. */
const wantedMs = 15_000;

/** The reports of all processes with a gateway or a controller, in Redis. */
export class GatewayRegistry {
  readonly #connection: Connection;
  readonly #repair: KeyRepair;
  /** How many processes report. */
  #processes = 1;
  /** Whether the last report had no counts by replica. */
  #isLarge = false;

  constructor(connection: Connection, log: Logger) {
    this.#connection = connection;
    this.#repair = new KeyRepair(connection, log);
  }

  /**
   * Writes the report of this process, in place of the one before. In a large system the counts by replica
   * are left out, and written apart while somebody looks at them.
   */
  async write({ sum, ...whole }: GatewayReport): Promise<void> {
    const redis = redisOf(this.#connection);
    const { gateways, gatewayCounts, countsWanted } = keysOf(this.#connection);
    const { name, counts } = whole;
    const countsOfAll = Object.keys(counts).length * this.#processes;
    // A system that is about that large does not change its mind with each report.
    const isLarge = sum !== undefined && countsOfAll > (this.#isLarge ? maxCounts / 2 : maxCounts);
    this.#isLarge = isLarge;
    const report: GatewayReport = isLarge ? { ...whole, counts: {}, sum } : whole;
    const put = async (key: string, value: object): Promise<void> => {
      // Readers ignore what is old. Only the TTL removes the key once all processes are gone.
      await Promise.all([redis.hset(key, name, JSON.stringify(value)), redis.pexpire(key, reportTtlMs)]);
    };
    await this.#repairing(async () => {
      const [processes, wanted] = await Promise.all([
        redis.hlen(gateways),
        isLarge ? redis.exists(countsWanted) : 0,
        put(gateways, report),
      ]);
      this.#processes = Math.max(1, processes);
      if (wanted === 1) await put(gatewayCounts, whole);
    });
  }

  /**
   * Reads the reports of gateways with their counts by replica, and has these written for some seconds. Only
   * reports without a sum have them otherwise.
   * @returns those that were written, by name; none if nobody has looked lately.
   */
  async readCounted(): Promise<ReadonlyMap<string, GatewayReport>> {
    const redis = redisOf(this.#connection);
    const { gatewayCounts, countsWanted } = keysOf(this.#connection);
    const [fields] = await this.#repairing(() =>
      Promise.all([redis.hgetall(gatewayCounts), redis.set(countsWanted, '1', 'PX', wantedMs)]),
    );
    return new Map(this.#current(fields).map((report) => [report.name, report]));
  }

  /** Removes the report of a process that stops. */
  async remove(name: string): Promise<void> {
    const { gateways, gatewayCounts } = keysOf(this.#connection);
    const redis = redisOf(this.#connection);
    await Promise.all([redis.hdel(gateways, name), redis.hdel(gatewayCounts, name)]);
  }

  /** @returns the reports that have not expired, by name. One round trip. */
  async readAll(): Promise<readonly GatewayReport[]> {
    const reports = this.#current(await this.#fields());
    return reports.toSorted((one, other) => (one.name < other.name ? -1 : 1));
  }

  #current(fields: Readonly<Record<string, string>>): GatewayReport[] {
    const oldest = clockOf(this.#connection).now() - reportTtlMs;
    return Object.values(fields)
      .flatMap((text) => parseReport(text) ?? [])
      .filter(({ at }) => at >= oldest);
  }

  /** Removes the reports of processes that are gone, and what cannot be read. */
  async removeExpired(): Promise<void> {
    const fields = Object.entries(await this.#fields());
    const oldest = clockOf(this.#connection).now() - reportTtlMs;
    const expired = fields.filter(([, text]) => (parseReport(text)?.at ?? 0) < oldest);
    const names = expired.map(([name]) => name);
    const { gateways, gatewayCounts } = keysOf(this.#connection);
    const redis = redisOf(this.#connection);
    if (names.length > 0)
      await Promise.all([redis.hdel(gateways, ...names), redis.hdel(gatewayCounts, ...names)]);
  }

  #fields(): Promise<Record<string, string>> {
    const { gateways } = keysOf(this.#connection);
    return this.#repairing(() => redisOf(this.#connection).hgetall(gateways));
  }

  #repairing<T>(act: () => Promise<T>): Promise<T> {
    return this.#repair.withRepair(act, () => expectedOfRing(keysOf(this.#connection)));
  }
}

const roles = ['gateway', 'controller', 'both'] as const;

/** @returns the report that a text encodes; undefined for any other text. */
export function parseReport(text: string): GatewayReport | undefined {
  const report = parseObject(text);
  if (report === undefined) return undefined;
  const { name, address, host, version, pid, since, at, counts, sum } = report;
  const role = roles.find((each) => each === report['role']);
  const texts = [name, host, version].every((each) => typeof each === 'string');
  const numbers = ['rssBytes', 'heapBytes', 'eventLoopLagMs', 'inFlight', 'heldBytes'].every(
    (each) => typeof report[each] === 'number',
  );
  if (!texts || !numbers || role === undefined || ![pid, since, at].every(isCount)) return undefined;
  if ((address !== null && typeof address !== 'string') || !isObject(counts)) return undefined;
  if (!Object.values(counts).every(isReplicaCounts)) return undefined;
  if (sum !== undefined && !isReplicaCounts(sum)) return undefined;
  return report as unknown as GatewayReport; // each of its fields is checked above
}

function isReplicaCounts(value: unknown): value is ReplicaCounts {
  if (!isObject(value)) return false;
  const { requests, failures, spilledIn = 0, spilledOut = 0, wait, service, total } = value;
  return (
    [requests, failures, spilledIn, spilledOut].every(isCount) && [wait, service, total].every(isBuckets)
  );
}

/** @returns whether a value has a count for each bucket. Another release may have other buckets. */
function isBuckets(value: unknown): boolean {
  return Array.isArray(value) && value.length === timeBucketsMs.length + 1 && value.every(isCount);
}
