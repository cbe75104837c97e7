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

/** The reports of all processes with a gateway or a controller, in Redis. */
export class GatewayRegistry {
  readonly #connection: Connection;
  readonly #repair: KeyRepair;

  constructor(connection: Connection, log: Logger) {
    this.#connection = connection;
    this.#repair = new KeyRepair(connection, log);
  }

  /** Writes the report of this process, in place of the one before. */
  async write(report: GatewayReport): Promise<void> {
    const redis = redisOf(this.#connection);
    const { gateways } = keysOf(this.#connection);
    await this.#repairing(() =>
      Promise.all([
        redis.hset(gateways, report.name, JSON.stringify(report)),
        // Readers ignore old reports. Only this removes the key once all processes are gone.
        redis.pexpire(gateways, reportTtlMs),
      ]),
    );
  }

  /** Removes the report of a process that stops. */
  async remove(name: string): Promise<void> {
    await redisOf(this.#connection).hdel(keysOf(this.#connection).gateways, name);
  }

  /** @returns the reports that have not expired, by name. One round trip. */
  async readAll(): Promise<readonly GatewayReport[]> {
    const fields = await this.#fields();
    const oldest = clockOf(this.#connection).now() - reportTtlMs;
    return Object.values(fields)
      .flatMap((text) => parseReport(text) ?? [])
      .filter(({ at }) => at >= oldest)
      .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** Removes the reports of processes that are gone, and what cannot be read. */
  async removeExpired(): Promise<void> {
    const fields = Object.entries(await this.#fields());
    const oldest = clockOf(this.#connection).now() - reportTtlMs;
    const expired = fields.filter(([, text]) => (parseReport(text)?.at ?? 0) < oldest);
    const names = expired.map(([name]) => name);
    if (names.length > 0) await redisOf(this.#connection).hdel(keysOf(this.#connection).gateways, ...names);
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
  const { name, address, host, version, pid, since, at, counts } = report;
  const role = roles.find((each) => each === report['role']);
  const texts = [name, host, version].every((each) => typeof each === 'string');
  const numbers = ['rssBytes', 'heapBytes', 'eventLoopLagMs', 'inFlight', 'heldBytes'].every(
    (each) => typeof report[each] === 'number',
  );
  if (!texts || !numbers || role === undefined || ![pid, since, at].every(isCount)) return undefined;
  if ((address !== null && typeof address !== 'string') || !isObject(counts)) return undefined;
  if (!Object.values(counts).every(isReplicaCounts)) return undefined;
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
