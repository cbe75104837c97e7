import { medianOf } from '#shared/contract/answer-counts.ts';
import type { Ejection, EjectionCause } from '#shared/contract/ejection.ts';
import type { Proof, Uncompared } from './comparison.ts';
import type { OutlierConfig } from './outlier-settings.ts';

/** What the workers of the serving replicas have counted lately. */
export interface ReplicaFigures {
  readonly name: string;
  readonly generation: number;
  /** Of the last interval or two. */
  readonly answered: number;
  readonly failed: number;
  /** Failures in a row up to now, and how many different hash keys they have: 2 stands for more. */
  readonly failedInRow: number;
  readonly keysFailed: number;
  readonly gatewayFailedInRow: number;
  readonly keysGatewayFailed: number;
  /** The service times of the last interval, by class; none if that interval was judged before. */
  readonly times: readonly number[];
}

/** A replica that should leave the ring, and why. */
export interface Verdict {
  readonly name: string;
  readonly generation: number;
  readonly cause: EjectionCause;
  /** In words. */
  readonly detail: string;
  /** For a slow replica: what would not be slow, in ms. */
  readonly limitMs?: number;
}

/** Failures of one hash key may be due to that key. */
const minKeys = 2;
/** A replica fails far beyond the others if they fail at most this part as often. */
const failingOthers = 1 / 3;
/** Replicas with enough service times that a comparison needs. */
const minCompared = 3;
/** A smaller difference of medians in ms is noise. */
const minSlowerMs = 20;

/**
 * Finds the replicas whose answers fail or are slow far beyond those of the others. Pure.
 * @param serving the replicas in the ring that are ready.
 * @param failingOut how many replicas are out of the ring because their answers failed: they count as others
 * that fail.
 * @param proof what probes have shown of a replica that requests cannot be compared for.
 * @returns the worst first.
 */
export function outliersAmong(
  serving: readonly ReplicaFigures[],
  failingOut: number,
  config: OutlierConfig,
  proof?: Proof,
): Verdict[] {
  const failing = serving
    .toSorted((a, b) => b.failedInRow - a.failedInRow)
    .flatMap((replica) => failingVerdict(replica, serving, failingOut, config, proof));
  const isFailing = new Set(failing.map(({ name }) => name));
  return [...failing, ...slowVerdicts(serving, config).filter(({ name }) => !isFailing.has(name))];
}

/** @returns the replica whose answers fail in a row while no other has had requests to compare them with. */
export function uncomparedAmong(
  serving: readonly ReplicaFigures[],
  config: OutlierConfig,
): Uncompared | undefined {
  const [only, ...others] = serving.filter(({ answered }) => answered > 0);
  if (only === undefined || others.length > 0) return undefined;
  return failuresInRow(only, config) === undefined ? undefined : only;
}

function failingVerdict(
  replica: ReplicaFigures,
  serving: readonly ReplicaFigures[],
  failingOut: number,
  config: OutlierConfig,
  proof: Proof | undefined,
): Verdict[] {
  const { name, generation, answered, failed } = replica;
  const found = failuresInRow(replica, config);
  if (found === undefined || answered === 0) return [];
  const others = serving.filter((other) => other !== replica && other.answered > 0);
  if (others.length === 0 && proof?.name === name && proof.generation === generation) {
    const detail = `${found.count} ${words[found.cause]}; a probe failed here, and not at ${proof.other}`;
    return [{ name, generation, cause: found.cause, detail }];
  }
  const shares = [
    // One with such a row of its own fails now, however many of its answers were right before.
    ...others.map((other) =>
      failuresInRow(other, config) === undefined ? other.failed / other.answered : 1,
    ),
    ...Array.from({ length: failingOut }, () => 1),
  ];
  // With nothing to compare them with, its failures may be everybody's.
  if (shares.length === 0) return [];
  const own = failed / answered;
  const usual = middle(shares);
  if (usual > own * failingOthers) return [];
  const detail = `${found.count} ${words[found.cause]}; of the others' answers ${percent(usual)} failed`;
  return [{ name, generation, cause: found.cause, detail }];
}

const words = {
  consecutive_5xx: 'consecutive 5xx',
  consecutive_gateway_failure: 'consecutive gateway failures',
} as const;

function failuresInRow(
  replica: ReplicaFigures,
  { consecutive5xx, consecutiveGatewayFailure }: OutlierConfig,
): { readonly cause: keyof typeof words; readonly count: number } | undefined {
  const { failedInRow, keysFailed, gatewayFailedInRow, keysGatewayFailed } = replica;
  const isReached = (count: number, keys: number, limit: number): boolean =>
    limit > 0 && count >= limit && keys >= minKeys;
  if (isReached(gatewayFailedInRow, keysGatewayFailed, consecutiveGatewayFailure))
    return { cause: 'consecutive_gateway_failure', count: gatewayFailedInRow };
  if (isReached(failedInRow, keysFailed, consecutive5xx))
    return { cause: 'consecutive_5xx', count: failedInRow };
  return undefined;
}

function slowVerdicts(
  serving: readonly ReplicaFigures[],
  { slowFactor, minRequests }: OutlierConfig,
): Verdict[] {
  if (slowFactor === 0) return [];
  const compared = serving
    .filter(({ times }) => times.reduce((sum, count) => sum + count, 0) >= minRequests)
    .map((replica) => ({ ...replica, median: medianOf(replica.times) }));
  if (compared.length < minCompared) return [];
  return compared
    .toSorted((a, b) => b.median - a.median)
    .flatMap(({ name, generation, median }) => {
      const usual = middle(compared.filter((other) => other.name !== name).map((other) => other.median));
      const limitMs = Math.ceil(Math.max(usual * slowFactor, usual + minSlowerMs));
      if (median <= limitMs) return [];
      const detail = `median ${shownMs(median)}, others ${shownMs(usual)}`;
      return [{ name, generation, cause: 'slow', detail, limitMs }];
    });
}

/** @returns the median; 0 of nothing. */
function middle(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  const [below = 0, above = 0] = [sorted[Math.ceil(half) - 1], sorted[Math.floor(half)]];
  return (below + above) / 2;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function shownMs(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

/**
 * @param replicas those that are in the ring, or would be if they were not ejected.
 * @returns how many of them may be out at the same time: one of two, but never all.
 */
export function mayBeOut(replicas: number, { maxEjectionPercent }: OutlierConfig): number {
  if (replicas < 2) return 0;
  return Math.min(replicas - 1, Math.max(1, Math.floor((replicas * maxEjectionPercent) / 100)));
}

/** @returns how long the ejection lasts that is the `count`th in a row, in ms. */
export function ejectionMs(count: number, { baseEjectionMs, maxEjectionMs }: OutlierConfig): number {
  return Math.min(baseEjectionMs * count, maxEjectionMs);
}

/** @returns how many ejections in a row are still remembered. Healthy time makes them fewer. */
export function remembered(
  ejection: Ejection | undefined,
  now: number,
  { baseEjectionMs }: OutlierConfig,
): number {
  if (ejection === undefined) return 0;
  const { count, ended } = ejection;
  if (ended === undefined) return count;
  return Math.max(0, count - Math.floor(Math.max(0, now - ended) / baseEjectionMs));
}
