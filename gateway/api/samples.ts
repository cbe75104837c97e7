import type { PercentilesView } from '#shared/contract/api/replicas.ts';
import type { SampleView } from '#shared/contract/api/overview.ts';
import { timeBucketsMs } from '#shared/contract/gateway-report.ts';
import type { GatewayReport, ReplicaCounts } from '#shared/contract/gateway-report.ts';

/** The last two different reports of each gateway. Its rates are those between them. */
export type ReportPairs = ReadonlyMap<string, ReportPair>;

export interface ReportPair {
  /** Undefined if only one report is known, and it does not count from the gateway's start. */
  readonly before: GatewayReport | undefined;
  readonly after: GatewayReport;
}

/** What ended at a replica. Counts are for a second, or of the time between two reports. */
export interface ReplicaRates {
  readonly requestsPerS: number;
  readonly failuresPerS: number;
  readonly spilledInPerS: number;
  readonly spilledOutPerS: number;
  readonly waitMs: PercentilesView | null;
  readonly serviceMs: PercentilesView | null;
}

/** What all gateways answered lately. */
export interface Rates {
  readonly sample: SampleView;
  readonly replicas: ReadonlyMap<string, ReplicaRates>;
  /** Requests per second of each gateway. */
  readonly gateways: ReadonlyMap<string, number>;
}

/** A gateway that has reported nothing for this time, in ms, adds nothing to the rates. */
const silentMs = 6000;
/** A gateway that has started less than this time ago, in ms, counts from its start. */
const newMs = 6000;

/**
 * @param reports that were read now. A gateway that is not among them is gone.
 * @returns the pairs after these reports.
 */
export function pairsWith(pairs: ReportPairs, reports: readonly GatewayReport[]): ReportPairs {
  return new Map(
    reports.map((report) => {
      const known = pairs.get(report.name);
      if (known === undefined || known.after.since !== report.since) {
        const before = report.at - report.since < newMs ? empty(report) : undefined;
        return [report.name, { before, after: report }];
      }
      return [report.name, report.at === known.after.at ? known : { before: known.after, after: report }];
    }),
  );
}

/** @returns the report that a gateway would have written at its start. */
function empty(report: GatewayReport): GatewayReport {
  const { sum: _, ...rest } = report;
  return { ...rest, at: report.since, counts: {} };
}

/**
 * @returns the seconds between two reports that can be compared, else 0. One may have the counts of all
 * replicas and the other one only a sum: a system has grown, or shrunk.
 */
function secondsOf({ before, after }: ReportPair, now: number): number {
  if (before === undefined || now - after.at >= silentMs) return 0;
  const isAlike = (before.sum === undefined) === (after.sum === undefined);
  return isAlike || before.at === before.since ? (after.at - before.at) / 1000 : 0;
}

/** What was counted in a time of some ms. */
interface Counted {
  requestsPerS: number;
  failuresPerS: number;
  spilledInPerS: number;
  spilledOutPerS: number;
  readonly wait: number[];
  readonly service: number[];
  readonly total: number[];
}

/**
 * @param at now, in ms since the epoch, in Redis time.
 * @param apart the pairs of reports with counts by replica, of gateways whose own reports have only sums.
 */
export function ratesOf(pairs: ReportPairs, at: number, apart: ReportPairs = new Map()): Rates {
  const all = nothing();
  const byReplica = new Map<string, Counted>();
  const gateways = new Map<string, number>();
  for (const [gateway, pair] of pairs) {
    const seconds = secondsOf(pair, at);
    const hasSum = pair.after.sum !== undefined;
    gateways.set(gateway, hasSum ? addSum(all, pair, seconds) : addCounts(byReplica, pair, seconds, [all]));
  }
  for (const [gateway, pair] of apart)
    if (pairs.get(gateway)?.after.sum !== undefined) addCounts(byReplica, pair, secondsOf(pair, at), []);
  const rounded = (rate: number): number => Math.round(rate * 100) / 100;
  const rates = ({ requestsPerS, failuresPerS, wait, service }: Counted) => ({
    requestsPerS: rounded(requestsPerS),
    failuresPerS: rounded(failuresPerS),
    waitMs: percentilesOf(wait),
    serviceMs: percentilesOf(service),
  });
  const spilledPerS = rounded(all.spilledInPerS);
  const ratesOfReplica = (counted: Counted): ReplicaRates => ({
    ...rates(counted),
    spilledInPerS: rounded(counted.spilledInPerS),
    spilledOutPerS: rounded(counted.spilledOutPerS),
  });
  return {
    sample: { at: Math.round(at), ...rates(all), spilledPerS, totalMs: percentilesOf(all.total) },
    replicas: new Map(Array.from(byReplica, ([name, counted]) => [name, ratesOfReplica(counted)])),
    gateways,
  };
}

function nothing(): Counted {
  const rates = { requestsPerS: 0, failuresPerS: 0, spilledInPerS: 0, spilledOutPerS: 0 };
  return { ...rates, wait: [], service: [], total: [] };
}

/** Adds what was counted of all replicas between two reports. @returns the requests per second. */
function addSum(all: Counted, { before, after }: ReportPair, seconds: number): number {
  if (before === undefined || after.sum === undefined || seconds <= 0) return 0;
  return addDifference([all], before.sum, after.sum, seconds);
}

/**
 * Adds what was counted of each replica between two reports.
 * @param also to what it is added too.
 * @returns the requests per second of the gateway.
 */
function addCounts(
  byReplica: Map<string, Counted>,
  { before, after }: ReportPair,
  seconds: number,
  also: readonly Counted[],
): number {
  let requestsPerS = 0;
  if (before === undefined || seconds <= 0) return requestsPerS;
  for (const [replica, counts] of Object.entries(after.counts)) {
    let counted = byReplica.get(replica);
    if (counted === undefined) byReplica.set(replica, (counted = nothing()));
    requestsPerS += addDifference([...also, counted], before.counts[replica], counts, seconds);
  }
  return requestsPerS;
}

/** Adds what was counted of a replica between two reports. @returns its requests per second. */
function addDifference(
  to: readonly Counted[],
  before: ReplicaCounts | undefined,
  after: ReplicaCounts,
  seconds: number,
): number {
  // A replica that was removed and added again is counted from 0.
  const from = before !== undefined && before.requests <= after.requests ? before : undefined;
  const requests = (after.requests - (from?.requests ?? 0)) / seconds;
  const failures = Math.max(0, after.failures - (from?.failures ?? 0)) / seconds;
  const spilled = (way: 'spilledIn' | 'spilledOut'): number =>
    Math.max(0, (after[way] ?? 0) - (from?.[way] ?? 0)) / seconds;
  const [spilledIn, spilledOut] = [spilled('spilledIn'), spilled('spilledOut')];
  for (const each of to) {
    each.requestsPerS += requests;
    each.failuresPerS += failures;
    each.spilledInPerS += spilledIn;
    each.spilledOutPerS += spilledOut;
    for (const time of ['wait', 'service', 'total'] as const) addTo(each[time], from?.[time], after[time]);
  }
  return requests;
}

function addTo(sums: number[], before: readonly number[] | undefined, after: readonly number[]): void {
  for (const [bucket, count] of after.entries())
    sums[bucket] = (sums[bucket] ?? 0) + Math.max(0, count - (before?.[bucket] ?? 0));
}

/**
 * @param counts by the buckets of {@link timeBucketsMs}, not cumulative.
 * @returns percentiles in ms, as exact as the buckets: within one, times are taken to be spread evenly. What
 * is above the last bound counts as that bound. Null if nothing was counted.
 */
export function percentilesOf(counts: readonly number[]): PercentilesView | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  const at = (part: number): number => {
    const rank = part * total;
    let below = 0;
    for (const [bucket, count] of counts.entries()) {
      if (count > 0 && below + count >= rank) {
        const low = timeBucketsMs[bucket - 1] ?? 0;
        const high = timeBucketsMs[bucket];
        if (high === undefined) break;
        return Math.round((low + ((high - low) * (rank - below)) / count) * 100) / 100;
      }
      below += count;
    }
    return timeBucketsMs.at(-1) ?? 0;
  };
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
